import { Observable, Subscriber, type Observer, type OperatorFunction, type Subscription } from 'rxjs';

/**
 * An observable whose listeners may throw, or reject, without harm. RxJS on its own throws a listener's error again
 * from a timer, where nobody can catch it and the process dies; here it is reported, and the listener goes on listening.
 * This holds behind `pipe` too, but not behind functions that make a new observable of several, such as `merge`.
 * An error inside an operator is reported as well, but ends that subscription, as always in RxJS.
 */
export class IsolatedObservable<T> extends Observable<T> {
  constructor(
    source: Observable<T>,
    private readonly onError: (error: unknown) => void,
  ) {
    super((subscriber) => source.subscribe(subscriber));
  }

  override readonly pipe = ((...operators: Array<OperatorFunction<unknown, unknown>>): Observable<unknown> => {
    const piped = operators.reduce<Observable<unknown>>((source, operator) => operator(source), this);
    return new IsolatedObservable(piped, this.onError);
  }) as Observable<T>['pipe'];

  override subscribe(
    observerOrNext?: Partial<Observer<T>> | ((value: T) => void) | null,
    onFailure?: ((error: unknown) => void) | null,
    onComplete?: (() => void) | null,
  ): Subscription {
    // Operators subscribe with a Subscriber and pass errors on themselves; everybody else is a listener.
    if (observerOrNext instanceof Subscriber) return super.subscribe(observerOrNext);
    const listener: Partial<Observer<T>> =
      typeof observerOrNext === 'object' && observerOrNext !== null
        ? observerOrNext
        : {
            ...(observerOrNext ? { next: observerOrNext } : {}),
            ...(onFailure ? { error: onFailure } : {}),
            ...(onComplete ? { complete: onComplete } : {}),
          };
    return super.subscribe({
      next: (value) => this.guard(() => listener.next?.(value)),
      error: (error: unknown) => this.guard(() => (listener.error ? listener.error(error) : this.onError(error))),
      complete: () => this.guard(() => listener.complete?.()),
    });
  }

  private guard(listen: () => unknown): void {
    try {
      const result = listen();
      if (result instanceof Promise) result.catch(this.onError);
    } catch (error) {
      this.onError(error);
    }
  }
}
