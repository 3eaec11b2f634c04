import type { ByteEndpointHandler } from '@ambit/reactor/endpoint';

/** Holds the place of a handler between the opening of an endpoint and the call, in the same turn, that hands it over. */
export const WAITING: ByteEndpointHandler = {
  onOpen: () => undefined,
  onBytes: () => undefined,
  onEnd: () => undefined,
  onRoom: () => undefined,
  onClose: () => undefined,
};
