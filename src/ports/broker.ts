/** A call says "this lane has ready tasks", and nothing else. */
export interface Call {
  laneId: number;
  level: number;
}

/**
 * Carries calls from whoever made tasks ready to a dispatcher in some process.
 *
 * Calls of one lane within a few milliseconds may be merged into one. A lost call is made good by the call sweep, a
 * surplus one is an empty look, so neither side confirms anything.
 */
export abstract class Broker {
  /** Why calls are not carried now, to other processes or to the consumer of this one, for people; null while they are. */
  abstract readonly problem: string | null;
  /** Never throws and never waits. */
  abstract call(call: Call): void;
  /**
   * Registers the one consumer of this process; calls arrive lowest level first where several wait. It runs once at a
   * time for a lane, beside other lanes; when it rejects, that is logged and the lane goes on.
   */
  abstract consume(onCall: (call: Call) => Promise<void>): void;
  /** Delivers no more calls; resolves when running consumers have returned. */
  abstract stop(): Promise<void>;
}
