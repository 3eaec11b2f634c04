import { describe, expect, it } from 'vitest';
import { conversations } from './conversations.ts';
import { parseExposition, sumOf } from './exposition.ts';
import { formatBytes, liveTable } from './live-table.ts';

const SOURCE = 'source_workload="storefront",source_workload_namespace="shop"';
const TO_CATALOG = 'destination_service_name="catalog",destination_service_namespace="shop"';
const PRINCIPAL = 'source_principal="spiffe://cluster.local/ns/shop/sa/storefront"';

const SCRAPE = `# TYPE istio_tcp_connections_opened counter
istio_tcp_connections_opened_total{reporter="destination",${SOURCE},${PRINCIPAL},${TO_CATALOG},response_flags="-"} 7
istio_tcp_connections_opened_total{reporter="source",${SOURCE},${PRINCIPAL},${TO_CATALOG},response_flags="-"} 7
istio_tcp_sent_bytes_total{reporter="destination",${SOURCE},${PRINCIPAL},${TO_CATALOG},response_flags="-"} 1234567
istio_tcp_connections_failed_total{reporter="destination",source_workload="unknown",source_principal="unknown",${TO_CATALOG},response_flags="DENY"} 2
odd{quote="a\\"b\\\\c"} 1.5 1700000000
`;

describe('a scrape', () => {
  it('is read with its labels unescaped', () => {
    const samples = parseExposition(SCRAPE);
    expect(samples.at(-1)).toEqual({ name: 'odd', labels: { quote: 'a"b\\c' }, value: 1.5 });
    expect(sumOf(samples, 'istio_tcp_connections_opened_total')).toBe(14);
    expect(sumOf(samples, 'istio_tcp_connections_opened_total', { reporter: 'source' })).toBe(7);
  });

  it('shows who talks to whom with which identity, counted once', () => {
    expect(liveTable(conversations(parseExposition(SCRAPE)))).toBe(
      [
        'FROM             IDENTITY                                      TO            OPENED  REFUSED  BYTES',
        'shop/storefront  spiffe://cluster.local/ns/shop/sa/storefront  shop/catalog  7       0        1.2 MB',
        'unknown          (none: plain text)                            shop/catalog  0       2        0 B',
      ].join('\n'),
    );
  });
});

describe('formatBytes', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1_000, '1.0 kB'],
    [2_500_000, '2.5 MB'],
  ])('%d is %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });
});
