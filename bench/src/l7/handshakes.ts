import { LinkTap } from '@ambit/local/bed/link-tap';
import type { BedPod } from '@ambit/local/bed/pod';
import { parseFrame } from '@ambit/local/check/capture/packet';
import { chosenByServer } from '../run/server-hello.ts';
import { TUNNEL_PORT } from './echo-service.ts';

/** Listens on the link of a waypoint's pod; `stop` says what the handshakes of its tunnels chose, either way. */
export function watchHandshakes(waypoint: BedPod): { stop(): Promise<string | undefined> } {
  let inbound: string | undefined;
  let outbound: string | undefined;
  const tap = new LinkTap(waypoint.networkNamespace, 'eth0', (frame) => {
    const packet = parseFrame(frame);
    if (packet?.tcp?.sourcePort !== TUNNEL_PORT) return;
    const chosen = chosenByServer(packet.tcp.payload);
    if (packet.source === waypoint.ip) inbound = chosen ?? inbound;
    else outbound = chosen ?? outbound;
  });
  return {
    stop: async () => {
      await tap.stop();
      if (inbound === undefined || outbound === undefined) return undefined;
      return inbound === outbound ? inbound : `inbound ${inbound}; outbound ${outbound}`;
    },
  };
}
