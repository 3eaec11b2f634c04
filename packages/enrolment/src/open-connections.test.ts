import { describe, expect, it } from 'vitest';
import { connectionsThroughProxy, parseTcpTable } from './open-connections.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
const line = (local: string, remote: string, state: string): string =>
  `   0: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0000000000000000 20 4 30 10 -1\n`;

// 10.244.1.2 is 0201F40A in the byte order of the table.
const POD = '0201F40A';
const MAPPED = '0000000000000000FFFF0000';

describe('connections through the proxy', () => {
  const count = (text: string): number => connectionsThroughProxy(parseTcpTable(HEAD + text), new Set(['10.244.1.2']));

  it('reads both tables', () => {
    expect(parseTcpTable(HEAD + line(`${POD}:1F90`, '0301F40A:9C40', '01'))).toEqual([
      { localIp: '10.244.1.2', localPort: 8080, remoteIp: '10.244.1.3', remotePort: 40000, state: 1 },
    ]);
    expect(parseTcpTable(HEAD + line(`${MAPPED}${POD}:3A99`, `${MAPPED}${POD}:9C40`, '0A'))).toMatchObject([
      { localIp: '10.244.1.2', localPort: 15001, state: 10 },
    ]);
  });

  it('counts redirected ones and those in the name of another, not listeners, tunnels, or what is direct', () => {
    expect(count(line('0100007F:3A99', `${POD}:9C40`, '01'))).toBe(1); // accepted on 15001
    expect(count(line(`${MAPPED}${POD}:3A9E`, `${MAPPED}0302F40A:9C40`, '08'))).toBe(1); // on 15006, half closed
    expect(count(line('0302F40A:9C40', `${POD}:1F90`, '01'))).toBe(1); // the proxy as 10.244.2.3
    expect(count(line('00000000:3A99', '00000000:0000', '0A'))).toBe(0);
    expect(count(line('0100007F:3A99', `${POD}:9C40`, '06'))).toBe(0); // TIME_WAIT
    expect(count(line(`${POD}:3AA0`, '0302F40A:9C40', '01'))).toBe(0); // a tunnel: 15008
    expect(count(line(`${POD}:9C40`, '0302F40A:1F90', '01'))).toBe(0);
    expect(count(line('0100007F:9C40', '0100007F:1F90', '01'))).toBe(0);
  });
});
