import type { KubeObject } from '../../protocol/objects.ts';
import type { ServiceSpec } from '../../protocol/types.ts';
import { mapLines, type Entry } from './lines.ts';

interface EndpointsSubset {
  addresses?: { ip: string }[];
  ports?: { name?: string; port: number }[];
}

/** @param endpoints of the same name; undefined where there are none */
export function describeService(service: KubeObject, endpoints: KubeObject | undefined): Entry[] {
  const spec = service.spec as ServiceSpec;
  const subsets = (endpoints?.['subsets'] ?? []) as EndpointsSubset[];
  const ingress =
    (service.status as { loadBalancer?: { ingress?: { ip?: string; hostname?: string }[] } } | undefined)?.loadBalancer?.ingress ?? [];
  return [
    ['Selector', mapLines(spec.selector)],
    ['Type', spec.type ?? 'ClusterIP'],
    ...(spec.externalName === undefined ? [] : ([['External Name', spec.externalName]] as Entry[])),
    ...(spec.clusterIP === undefined ? [] : ([['IP', spec.clusterIP]] as Entry[])),
    ...(ingress.length === 0
      ? []
      : ([['LoadBalancer Ingress', ingress.map(({ ip, hostname }) => ip ?? hostname ?? '').join(', ')]] as Entry[])),
    ...(spec.ports ?? []).flatMap(({ name, port, protocol = 'TCP', targetPort, nodePort }): Entry[] => {
      const label = name ?? '<unset>';
      const found = subsets.flatMap(({ addresses = [], ports = [] }) =>
        ports.filter((each) => (each.name ?? '') === (name ?? '')).flatMap((each) => addresses.map(({ ip }) => `${ip}:${each.port}`)),
      );
      return [
        ['Port', `${label}  ${port}/${protocol}`],
        ['TargetPort', `${targetPort ?? port}/${protocol}`],
        ...(nodePort === undefined ? [] : ([['NodePort', `${label}  ${nodePort}/${protocol}`]] as Entry[])),
        ['Endpoints', found.join(',') || '<none>'],
      ];
    }),
    ['Session Affinity', spec.sessionAffinity ?? 'None'],
    ...(spec.externalTrafficPolicy === undefined ? [] : ([['External Traffic Policy', spec.externalTrafficPolicy]] as Entry[])),
    ...(spec.internalTrafficPolicy === undefined ? [] : ([['Internal Traffic Policy', spec.internalTrafficPolicy]] as Entry[])),
  ];
}
