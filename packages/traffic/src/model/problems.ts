/** What is wrong with a resource, gathered while it is read so that one error can name everything. */
export class Problems {
  readonly list: string[] = [];

  /** `field` is the path of the field, `ports[0].routes[2].name`. */
  add(field: string, cause: string): void {
    this.list.push(`${field}: ${cause}`);
  }

  /** The name behind an enum number. One that this version does not know, or that stands for nothing, is a problem. */
  enumName<Name extends string>(names: readonly (Name | undefined)[], value: number, field: string): Name | undefined {
    const name = names[value];
    if (name === undefined) this.add(field, `value ${value} is not known; is the controller newer than this waypoint?`);
    return name;
  }

  /** A port of a service. */
  checkPort(port: number, field: string): void {
    if (port < 1 || port > 65_535) this.add(field, `${port} is not a port (1 to 65535)`);
  }

  /** Of a final response: 1xx never ends one (RFC 9110 15.2). */
  checkFinalStatus(status: number, field: string): void {
    if (status < 200 || status > 599) {
      this.add(field, `${status} is not the status of a final response (200 to 599)`);
    }
  }

  /** Items of a list are told apart by `field`, which may not repeat. */
  refuseRepeated(list: string, values: readonly (number | string)[], field: string): void {
    const seen = new Set<number | string>();
    for (const [index, value] of values.entries()) {
      if (seen.has(value)) this.add(`${list}[${index}].${field}`, `${value} occurs twice`);
      seen.add(value);
    }
  }
}
