import { ApiError } from './status.ts';

/** What a client wants to read, most wanted first in its `Accept` header. */
export type Representation =
  | { as: 'object' }
  | { as: 'Table'; apiVersion: string }
  | { as: 'PartialObjectMetadata'; apiVersion: string }
  | { as: 'PartialObjectMetadataList'; apiVersion: string }
  | { as: 'APIGroupDiscoveryList'; version: string };

const META_GROUP = 'meta.k8s.io';
const META_VERSIONS = ['v1', 'v1beta1'];
const DISCOVERY_VERSIONS = ['v2', 'v2beta1'];
/** A sane Accept header has a handful. */
const MAX_MEDIA_TYPES = 32;

export type Offer = Representation['as'];

/**
 * The first wanted representation that is offered. Protobuf and CBOR come first in many clients' lists and are passed over: all of them take JSON.
 * @throws ApiError `NotAcceptable`
 */
export function negotiate(accept: string | undefined, offers: readonly Offer[]): Representation {
  if (accept === undefined || accept.trim() === '') return { as: 'object' };
  for (const entry of accept.split(',').slice(0, MAX_MEDIA_TYPES)) {
    const [type = '', ...rest] = entry.split(';').map((part) => part.trim());
    if (!['application/json', 'application/*', '*/*'].includes(type.toLowerCase())) continue;
    const found = representationOf(new Map(rest.map((part) => splitParameter(part))));
    if (found !== undefined && offers.includes(found.as)) return found;
  }
  throw new ApiError(
    'NotAcceptable',
    'only the following media types are accepted: application/json, application/json;as=Table;v=v1;g=meta.k8s.io',
  );
}

function representationOf(parameters: ReadonlyMap<string, string>): Representation | undefined {
  const as = parameters.get('as');
  const group = parameters.get('g');
  const version = parameters.get('v') ?? '';
  if (as === undefined) return { as: 'object' };
  if (as === 'APIGroupDiscoveryList') {
    return group === 'apidiscovery.k8s.io' && DISCOVERY_VERSIONS.includes(version) ? { as, version } : undefined;
  }
  if (group !== META_GROUP || !META_VERSIONS.includes(version)) return undefined;
  const apiVersion = `${META_GROUP}/${version}`;
  if (as === 'Table' || as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { as, apiVersion };
  return undefined;
}

function splitParameter(part: string): [string, string] {
  const equals = part.indexOf('=');
  return equals < 0 ? [part, ''] : [part.slice(0, equals).toLowerCase(), part.slice(equals + 1).replace(/^"|"$/g, '')];
}
