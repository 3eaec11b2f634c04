import { afterEach, expect } from 'vitest';
import { type TestServiceOptions, TestWaypoint } from './test-waypoint.ts';

const running = new Set<TestWaypoint>();

/** Starts a waypoint for one test, which ends with it at the latest. */
export function start(options: TestServiceOptions): TestWaypoint {
  const waypoint = new TestWaypoint(options);
  running.add(waypoint);
  return waypoint;
}

/** Ends a waypoint. The test fails when anything went wrong in its loop. */
export function end(waypoint: TestWaypoint): void {
  running.delete(waypoint);
  waypoint.dispose();
  expect(waypoint.loop.errors).toEqual([]);
}

afterEach(() => {
  for (const waypoint of running) end(waypoint);
});
