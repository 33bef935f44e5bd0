/** W3CBaggagePropagator of @opentelemetry/core, used as its documentation says. */
import {
  type Baggage,
  type Context,
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

/** What a caller of OpenTelemetry keeps for a workload: a context with its fields as Baggage. */
export function contextOf(keys: readonly string[], values: readonly string[]): Context {
  const entries = Object.fromEntries(keys.map((key, index) => [key, { value: values[index] ?? '' }]));
  return propagation.setBaggage(ROOT_CONTEXT, propagation.createBaggage(entries));
}

/** The header's text. */
export function inject(context: Context): string {
  const carrier: Record<string, string> = {};
  propagator.inject(context, carrier, defaultTextMapSetter);
  return carrier.baggage ?? '';
}
