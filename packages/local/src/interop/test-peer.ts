/** Path of the stock ztunnel. Files `*.peer.*.test.ts` run only where AMBIT_PEER_ZTUNNEL names it. */
export const STOCK_ZTUNNEL: string = process.env['AMBIT_PEER_ZTUNNEL'] ?? '';
