#!/usr/bin/env node
// In the place of dist/main.js, which is not there yet when npm links what `bin` names.
import '../dist/main.js';
