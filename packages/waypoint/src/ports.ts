/** Where a waypoint takes tunnels. The admin, metrics and readiness ports are those of every proxy of the mesh. */
export { HBONE_PORT } from '@ambit/mesh/ports';
