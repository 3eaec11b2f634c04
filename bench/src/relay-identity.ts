/** As whom both ends of the relays present themselves. */
export const RELAY_IDENTITY = 'spiffe://cluster.local/ns/bench/sa/relay';
