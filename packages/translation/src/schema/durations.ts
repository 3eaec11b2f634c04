/** Milliseconds of a unit. */
const UNITS: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 1e-6,
};

/** Longest duration taken, milliseconds (49 days): what a resource can carry. */
const LONGEST_MS = 4_294_967_295;

/** Milliseconds of a Gateway API duration (GEP-2257: `1h30m`, `500ms`, at most four parts); undefined when it is none. */
export function gatewayDurationMs(text: string): number | undefined {
  return /^(?:[0-9]{1,5}(?:h|m|s|ms)){1,4}$/.test(text) ? sumOf(text) : undefined;
}

/** Milliseconds of a duration as Istio takes it (`1.5s`, `1m30s`, `0`), rounded up; undefined when it is none. */
export function istioDurationMs(text: string): number | undefined {
  if (text === '0') return 0;
  return /^(?:[0-9]+(?:\.[0-9]+)?(?:h|ms|m|us|µs|ns|s))+$/.test(text) ? sumOf(text) : undefined;
}

function sumOf(text: string): number | undefined {
  let sum = 0;
  for (const [, number = '', unit = ''] of text.matchAll(/([0-9.]+)(ms|us|µs|ns|h|m|s)/g)) {
    sum += Number(number) * (UNITS[unit] ?? 0);
  }
  const milliseconds = Math.ceil(Number(sum.toFixed(6)));
  return milliseconds <= LONGEST_MS ? milliseconds : undefined;
}
