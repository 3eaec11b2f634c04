import type { TarEntry } from './tar.ts';

/** Something of somebody's making that is inside an image, as a bill of materials lists it. */
export interface Component {
  readonly name: string;
  readonly version: string;
  /** Package URL, which vulnerability scanners go by. */
  readonly purl?: string;
  /** Name in the National Vulnerability Database, for what is better known there. */
  readonly cpe?: string;
  /** SPDX licence expression as its maker declares it. */
  readonly license?: string;
  readonly checksum?: { readonly algorithm: 'SHA256' | 'SHA512'; readonly hex: string };
  readonly comment?: string;
}

/** One layer of an image before it is packed: what is in it, and whose it is. */
export interface Portion {
  readonly purpose: string;
  readonly entries: readonly TarEntry[];
  readonly components: readonly Component[];
}
