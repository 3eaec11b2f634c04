/** Which endpoints come first, by their place: `localityLbSetting` of a DestinationRule or of MeshConfig. */
export interface LocalityLb {
  /** Absent: true. */
  readonly enabled?: boolean;
  /** Places are region/zone/subzone, from the left, `*` is any; the weights of a place sum up to 100. */
  readonly distribute?: readonly { readonly from?: string; readonly to?: Readonly<Record<string, number>> }[];
  /** Regions. */
  readonly failover?: readonly { readonly from?: string; readonly to?: string }[];
  /** Labels of endpoints, `key` or `key=value`. */
  readonly failoverPriority?: readonly string[];
}
