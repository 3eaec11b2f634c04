import { AmbitError } from '@ambit/core/errors';
import { guarded } from './descriptor.ts';
import { throwErrno } from './errno.ts';
import { libc } from './internal/library.ts';
import { allocate, cString } from './memory.ts';
import { SOCK_RAW, openSocket } from './socket.ts';
import { AF_PACKET } from './socket-address.ts';

const bindCall = libc('bind', 'int', ['int', 'uintptr_t', 'int']);
const interfaceIndex = libc('if_nametoindex', 'uint32_t', ['uintptr_t'], { result: 0 });

const ETH_P_ALL = 3;
/** sizeof struct sockaddr_ll {u16 family; u16 protocol; int index; u16 type; u8 kind; u8 length; u8 address[8]}. */
const LINK_ADDRESS_BYTES = 20;

const address = allocate(LINK_ADDRESS_BYTES);

/**
 * A tap: `recv` on it returns every frame, with its Ethernet header, that passes `device` in either direction. Made in
 * the thread's current namespace, so usually within `inNamespace`. Needs CAP_NET_RAW.
 */
export function openPacketTap(device: string): number {
  const index = interfaceIndex(cString(device));
  if (index === 0) throw new AmbitError('AMBIT_PACKET_TAP', `no interface ${device} in this namespace`);
  return guarded(openSocket(AF_PACKET, SOCK_RAW, networkOrder(ETH_P_ALL)), (fd) => {
    address.bytes.writeUInt16LE(AF_PACKET, 0);
    address.bytes.writeUInt16BE(ETH_P_ALL, 2);
    address.bytes.writeInt32LE(index, 4);
    if (bindCall(fd, address.address, LINK_ADDRESS_BYTES) < 0) throwErrno('bind', device);
  });
}

function networkOrder(value: number): number {
  return ((value & 0xff) << 8) | (value >> 8);
}
