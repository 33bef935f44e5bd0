/** W3CBaggagePropagator of @opentelemetry/core, used as its documentation says. */
import {
  type Baggage,
  defaultTextMapGetter,
  defaultTextMapSetter,
  propagation,
  ROOT_CONTEXT,
} from '@opentelemetry/api';
import { W3CBaggagePropagator } from '@opentelemetry/core';

const propagator = new W3CBaggagePropagator();

export function extract(text: string): Baggage | undefined {
  return propagation.getBaggage(propagator.extract(ROOT_CONTEXT, { baggage: text }, defaultTextMapGetter));
}

/** The header's text for a workload: its fields are put in a Baggage, which is what a caller of OpenTelemetry has to do. */
export function inject(keys: readonly string[], values: readonly string[]): string {
  const entries: Record<string, { value: string }> = {};
  for (let i = 0; i < keys.length; i++) entries[keys[i] as string] = { value: values[i] as string };
  const carrier: Record<string, string> = {};
  const context = propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage(entries));
  propagator.inject(context, carrier, defaultTextMapSetter);
  return carrier.baggage ?? '';
}
