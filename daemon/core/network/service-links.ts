import type { Pod } from '../../../protocol/types.ts';
import { API_SERVICE } from './api-service.ts';
import type { PortProtocol, ResolvedService } from './service-types.ts';

interface Linked {
  name: string;
  host: string;
  ports: readonly { name: string; port: number; protocol: PortProtocol }[];
}

/**
 * The variables by which programs find the services of their namespace (`NGINX_SERVICE_HOST`), and the API. Source: pkg/kubelet/envvars and getServiceEnvVarMap in
 * pkg/kubelet/kubelet_pods.go. The API is at the address of the pod's own host: that works where no cluster IP can be listened on, too.
 */
export function serviceLinks(services: readonly ResolvedService[], pod: Pod): Record<string, string> {
  const env: Record<string, string> = {};
  const { namespace = '' } = pod.metadata;
  for (const service of services) {
    if (service.key === API_SERVICE) {
      const own = service.ports[0]?.endpoints.find(({ inCluster }) => inCluster);
      const host = own?.ip ?? service.clusterIP;
      link(env, { name: service.name, host, ports: service.ports.map((port) => ({ ...port, port: own?.port ?? port.port })) });
    } else if (service.namespace === namespace && service.clusterIP !== '' && pod.spec.enableServiceLinks !== false) {
      link(env, { name: service.name, host: service.clusterIP, ports: service.ports });
    }
  }
  return env;
}

function link(env: Record<string, string>, { name, host, ports }: Linked): void {
  const prefix = variableName(name);
  const [first] = ports;
  if (first === undefined || host === '') return;
  env[`${prefix}_SERVICE_HOST`] = host;
  env[`${prefix}_SERVICE_PORT`] = String(first.port);
  for (const port of ports) if (port.name !== '') env[`${prefix}_SERVICE_PORT_${variableName(port.name)}`] = String(port.port);
  env[`${prefix}_PORT`] = urlOf(host, first);
  for (const port of ports) {
    const portPrefix = `${prefix}_PORT_${port.port}_${port.protocol}`;
    env[portPrefix] = urlOf(host, port);
    env[`${portPrefix}_PROTO`] = port.protocol.toLowerCase();
    env[`${portPrefix}_PORT`] = String(port.port);
    env[`${portPrefix}_ADDR`] = host;
  }
}

function variableName(name: string): string {
  return name.toUpperCase().replaceAll('-', '_');
}

function urlOf(host: string, { port, protocol }: { port: number; protocol: PortProtocol }): string {
  return `${protocol.toLowerCase()}://${host}:${port}`;
}
