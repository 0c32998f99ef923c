import { map, Subject, take } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { IsolatedObservable } from './isolated-observable.js';

describe('IsolatedObservable', () => {
  let source: Subject<number>;
  let errors: unknown[];
  let isolated: IsolatedObservable<number>;

  beforeEach(() => {
    source = new Subject();
    errors = [];
    isolated = new IsolatedObservable(source, (error) => errors.push(error));
  });

  it('leaves its source when a listener unsubscribes', () => {
    const subscription = isolated.subscribe();
    expect(source.observed).toBe(true);
    subscription.unsubscribe();
    expect(source.observed).toBe(false);
  });

  it('leaves its source when a listener behind operators does, or when they have enough', () => {
    const subscription = isolated.pipe(map((value) => value + 1)).subscribe();
    isolated
      .pipe(
        map((value) => value + 1),
        take(1),
      )
      .subscribe();
    source.next(1);
    subscription.unsubscribe();
    expect(source.observed).toBe(false);
  });

  it('leaves its source when an operator throws, and reports that once', () => {
    const failure = new Error('operator failed');
    isolated
      .pipe(
        map(() => {
          throw failure;
        }),
      )
      .subscribe();
    source.next(1);
    source.next(2);
    expect(source.observed).toBe(false);
    expect(errors).toEqual([failure]);
  });

  it('gives errors and completion to those who listen for them', () => {
    const heard: unknown[] = [];
    isolated.subscribe({ error: (error) => heard.push(error) });
    isolated.subscribe(null, (error) => heard.push(error));
    source.error('source failed');
    expect(heard).toEqual(['source failed', 'source failed']);
    expect(errors).toEqual([]);
  });

  it('reports what is thrown while an error or the completion is heard', () => {
    const failure = new Error('cannot even listen to the end');
    const fail = () => {
      throw failure;
    };
    isolated.subscribe({ complete: fail });
    isolated.subscribe(null, null, fail);
    source.complete();
    const failing = new Subject<number>();
    new IsolatedObservable(failing, (error) => errors.push(error)).subscribe({ error: fail });
    failing.error('source failed');
    expect(errors).toEqual([failure, failure, failure]);
  });
});
