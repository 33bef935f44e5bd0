/** One line per step on standard error, with the seconds since the start. Colour only on a terminal and unless NO_COLOR. */
export interface Progress {
  step(text: string): void;
  /** Something went wrong and the lab goes on. */
  warn(text: string): void;
  seconds(): number;
}

export interface ProgressSink {
  readonly isTTY?: boolean;
  write(text: string): unknown;
}

export function createProgress(sink: ProgressSink, now: () => number = () => performance.now()): Progress {
  const started = now();
  const seconds = () => Math.round((now() - started) / 100) / 10;
  const colour = sink.isTTY === true && !process.env.NO_COLOR;
  const paint = (code: number, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  const line = (text: string) => {
    sink.write(`${paint(2, `${seconds().toFixed(1).padStart(5)}s`)}  ${text}\n`);
  };
  return { step: line, warn: (text) => line(paint(33, text)), seconds };
}

export const silentProgress: Progress = { step: () => {}, warn: () => {}, seconds: () => 0 };
