/** Path of the stock ztunnel; undefined where there is none, which only continuous integration does not put up with. */
export const STOCK_ZTUNNEL: string | undefined = process.env['AMBIT_PEER_ZTUNNEL'] || undefined;

/** What the peer's test says when it cannot run. Throws where it has to. */
export function withoutPeer(): void {
  const message = 'NOT TESTED: interoperability, because AMBIT_PEER_ZTUNNEL does not name a stock ztunnel';
  if (process.env['CI'] === 'true') throw new Error(message);
  console.warn(message);
}
