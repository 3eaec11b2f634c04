import type { Bench } from './bench.ts';
import type { Check } from './check.ts';
import { labelling, unlabelling } from './enrolment/labelling.ts';
import { applicationRolled } from './failure/application-rolled.ts';
import { controllerAway } from './failure/controller.ts';
import { proxyKilled } from './failure/proxy-killed.ts';
import { renewal } from './failure/renewal.ts';
import { proxyReplaced } from './failure/replaced.ts';
import { threadKilled, threadStalled } from './failure/thread.ts';
import { allowPrincipal } from './policy/allow-principal.ts';
import { denyNamespace } from './policy/deny-namespace.ts';
import { denyPort } from './policy/deny-port.ts';
import { liveCut } from './policy/live-cut.ts';
import { modeByPort } from './policy/mode-by-port.ts';
import { reasonHeader } from './policy/reason-header.ts';
import { strict } from './policy/strict.ts';
import { outsidePolicy, waypointPrincipal } from './policy/waypoint-principal.ts';
import { canaryHeader, weights, weightsChange } from './waypoint/canary.ts';
import { dialledPod } from './waypoint/dialled-pod.ts';
import { failClosed } from './waypoint/fail-closed.ts';
import { grpc } from './waypoint/grpc.ts';
import { judgedAtWaypoint } from './waypoint/judged.ts';
import { tokensAtWaypoint } from './waypoint/tokens.ts';
import { changingLabel } from './waypoint/label.ts';
import { abTest, headerTier } from './waypoint/patterns/audience.ts';
import { blueGreen, canarySteps } from './waypoint/patterns/release.ts';
import { aborted, delayed, mirroring } from './waypoint/patterns/trial.ts';
import { namespaceLost, zoneLost } from './waypoint/place-lost.ts';
import { rawGreeting } from './waypoint/raw.ts';
import { tlsOrigination } from './waypoint/tls-origination.ts';
import { outages } from './waypoint/outage.ts';
import { waypointGrows, waypointOfThree } from './waypoint/replicas-of-three.ts';
import { waypointComesAndGoes, waypointKilled } from './waypoint/replicas.ts';
import { rateLimited } from './waypoint/rate-limited.ts';
import { brokenBackend, partOfABody } from './waypoint/retries.ts';
import { secondWaypoint } from './waypoint/second-waypoint.ts';
import { slowReader } from './waypoint/slow-reader.ts';
import { clientIdentity } from './wire/client-identity.ts';
import { greeting } from './wire/greeting.ts';
import { halfClose } from './wire/half-close.ts';
import { linkCapture } from './wire/link-capture.ts';
import { everyPair, listeningAddresses, ownAddress, seenByWaypoint } from './wire/reachability.ts';
import { reset } from './wire/reset.ts';
import { egress, routedEntry, serviceEntries } from './wire/service-entries.ts';
import { wrongManifests } from './wrong-input/manifests.ts';
import { floods, stalledHandshakes, wrongCertificates, wrongRequests } from './wrong-input/peers.ts';

/** All checks, in the order in which they run: what only looks before what breaks something. */
export const CHECKS: readonly Check<Bench>[] = [
  linkCapture,
  clientIdentity,
  greeting,
  halfClose,
  reset,
  everyPair,
  ownAddress,
  listeningAddresses,
  serviceEntries,
  routedEntry,
  tlsOrigination,
  egress,
  weights,
  canaryHeader,
  weightsChange,
  canarySteps,
  blueGreen,
  abTest,
  mirroring,
  headerTier,
  delayed,
  aborted,
  grpc,
  rawGreeting,
  judgedAtWaypoint,
  tokensAtWaypoint,
  rateLimited,
  seenByWaypoint,
  brokenBackend,
  partOfABody,
  ...outages,
  slowReader,
  strict,
  modeByPort,
  allowPrincipal,
  denyNamespace,
  denyPort,
  waypointPrincipal,
  outsidePolicy,
  reasonHeader,
  liveCut,
  labelling,
  unlabelling,
  wrongManifests,
  wrongCertificates,
  wrongRequests,
  floods,
  stalledHandshakes,
  changingLabel,
  secondWaypoint,
  waypointComesAndGoes,
  waypointKilled,
  waypointOfThree,
  waypointGrows,
  zoneLost,
  namespaceLost,
  failClosed,
  dialledPod,
  applicationRolled,
  controllerAway,
  proxyReplaced,
  threadKilled,
  threadStalled,
  proxyKilled,
  renewal,
];
