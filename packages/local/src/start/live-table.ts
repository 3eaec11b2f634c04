import type { Conversation } from './conversations.ts';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** The live table: one row for each conversation, in columns. */
export function liveTable(conversations: readonly Conversation[]): string {
  const head = ['FROM', 'IDENTITY', 'TO', 'OPENED', 'REFUSED', 'BYTES'];
  const rows = conversations.map((conversation) => [
    conversation.source,
    conversation.identity ?? '(none: plain text)',
    conversation.destination,
    String(conversation.opened),
    String(conversation.refused),
    formatBytes(conversation.bytes),
  ]);
  const widths = head.map((title, column) => Math.max(title.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** `17 B`, `1.2 MB`; 1 kB is 1000 bytes. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_000 && unit < UNITS.length - 1) {
    value /= 1_000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${UNITS[unit] ?? ''}`;
}
