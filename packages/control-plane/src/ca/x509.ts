/** @peculiar/x509 with the polyfill it needs to load; import it from here only. */
import 'reflect-metadata';

export * from '@peculiar/x509';
