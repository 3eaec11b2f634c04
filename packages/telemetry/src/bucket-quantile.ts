/**
 * A quantile by the buckets of a histogram, as Prometheus tells it: evenly spread within a bucket; above the last bound it is that
 * bound. `counts` has one per bound, and one for all above. Null without an observation.
 */
export function bucketQuantile(bounds: readonly number[], counts: readonly number[], share: number): number | null {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return null;
  const rank = share * total;
  let seen = 0;
  for (const [bucket, count] of counts.entries()) {
    if (seen + count >= rank && count > 0) {
      const upper = bounds[bucket];
      if (upper === undefined) break;
      const lower = bounds[bucket - 1] ?? 0;
      return lower + ((upper - lower) * (rank - seen)) / count;
    }
    seen += count;
  }
  return bounds.at(-1) ?? null;
}
