import { describe, expect, it } from 'vitest';
import { createScope } from '../../../src/runtime/scope.js';

describe('a scope', () => {
  it('releases last in, first out, each after the one before has finished', async () => {
    const scope = createScope();
    const order: string[] = [];
    scope.own(() => void order.push('first'));
    scope.own(async () => {
      await Promise.resolve();
      order.push('second');
    });

    await scope.close();

    expect(order).toEqual(['second', 'first']);
  });

  it('runs a release once, however often and early it is asked for', async () => {
    const scope = createScope();
    let runs = 0;
    const release = scope.own(() => void runs++);

    await Promise.all([release(), release(), scope.close(), scope.close()]);

    expect(runs).toBe(1);
  });

  it('keeps two registrations of the same function apart', async () => {
    const scope = createScope();
    let runs = 0;
    const release = () => void runs++;
    scope.own(release);
    scope.own(release);

    await scope.close();

    expect(runs).toBe(2);
  });

  it('waits for a release that was started early and is still running', async () => {
    const scope = createScope();
    let finish = () => {};
    let finished = false;
    const early = scope.own(async () => {
      await new Promise<void>((resolve) => {
        finish = resolve;
      });
      finished = true;
    });
    const started = early();
    await Promise.resolve();

    const closed = scope.close().then(() => finished);
    finish();

    expect(await closed).toBe(true);
    await started;
  });

  it('tries every release and reports all that failed', async () => {
    const scope = createScope();
    let reached = false;
    scope.own(() => {
      reached = true;
    });
    scope.own(() => Promise.reject(new Error('socket')));
    scope.own(() => {
      throw new Error('file');
    });

    const failure = await scope.close().catch((error: unknown) => error);

    expect(failure).toBeInstanceOf(AggregateError);
    expect((failure as AggregateError).errors.map(String)).toEqual(['Error: file', 'Error: socket']);
    expect(reached).toBe(true);
  });

  it('aborts its signal with the reason before anything is released', async () => {
    const scope = createScope();
    let abortedAtRelease = false;
    scope.own(() => {
      abortedAtRelease = scope.signal.aborted;
    });

    await scope.close('going down');

    expect(abortedAtRelease).toBe(true);
    expect(scope.signal.reason).toBe('going down');
  });

  it('releases what is registered while it closes, and after', async () => {
    const scope = createScope();
    const order: string[] = [];
    scope.signal.addEventListener('abort', () => {
      scope.own(() => void order.push('from the signal'));
      void scope.close();
    });
    scope.own(() => {
      scope.own(() => void order.push('from a release'));
      order.push('release');
    });

    await scope.close();
    await scope.own(() => void order.push('afterwards'))();

    expect(order).toEqual(['from the signal', 'release', 'from a release', 'afterwards']);
  });

  it('closes its children, and forgets those that closed before it', async () => {
    const parent = createScope();
    const order: string[] = [];
    const early = parent.child();
    early.own(() => void order.push('early'));
    const late = parent.child();
    late.own(() => void order.push('late'));

    await early.close();
    await parent.close('down');

    expect(order).toEqual(['early', 'late']);
    expect(late.signal.reason).toBe('down');
  });

  it('reports the failure of a child that it closed itself', async () => {
    const parent = createScope();
    parent.child().own(() => Promise.reject(new Error('child')));

    await expect(parent.close()).rejects.toBeInstanceOf(AggregateError);
  });
});
