#!/usr/bin/env node
// In the place of dist/ctl.js, which is not there yet when npm links what `bin` names.
import '../dist/ctl.js';
