import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, it } from 'vitest';
import { findKind } from '../../protocol/kinds/registry.ts';
import { type ClientOptions, type ClientResult, type Clients, fetchClients, KUBECTL_VERSIONS } from '../support/kubectl.ts';
import { kubectlPeers, withClients } from '../support/kubectl-peers.ts';
import { realPeers } from '../support/real-peers.ts';
import { waitFor } from '../support/wait.ts';
import { counters, hello } from '../support/workloads.ts';

/**
 * What people type, with the clients that they have, each command asked of another peer. The answers are looked at, too: they are what upstream's server would make the client
 * print. The newest client does everything, the older ones what they do in another way; KITH_TEST_ALL_CLIENTS=1 has each do everything.
 */
const peers = realPeers(3, 'real');
const real = kubectlPeers(peers);
const all = await Promise.all(KUBECTL_VERSIONS.map(async (version) => fetchClients(version)));

const STEP_MS = 15_000;

/** One version's commands in a namespace of its own. */
class Session {
  readonly clients: Clients;
  readonly namespace: string;

  constructor(clients: Clients) {
    this.clients = clients;
    this.namespace = `v${clients.version.replace('.', '-')}`;
  }

  get modern(): boolean {
    return this.clients.version !== '1.20';
  }

  async run(words: string, options: ClientOptions = {}): Promise<ClientResult> {
    const [own, ...theirs] = words.split(' -- ');
    const command = theirs.length === 0 ? [] : ['--', ...split(theirs.join(' -- '))];
    return real.kubectl(this.clients, [...split(own ?? ''), '-n', this.namespace, ...command], options);
  }

  /** Until it succeeds and prints the text: what one peer was told, the next may hear of a moment later. */
  async shows(words: string, expected: RegExp | string, options: ClientOptions = {}): Promise<string> {
    let last: ClientResult = { code: -1, out: '', err: '' };
    await waitFor(
      words,
      async () => {
        last = await this.run(words, options);
        return last.code === 0 && (typeof expected === 'string' ? last.out === expected : expected.test(last.out));
      },
      { timeoutMs: STEP_MS, everyMs: 200 },
    ).catch(() => expect.soft({ words, ...last }).toBe(expected));
    return last.out;
  }

  /** Does it once, but for a peer that has not heard of the object yet, or one whose controllers changed it between a client's look and its write. */
  async does(words: string, expected: RegExp | string, options: ClientOptions = {}): Promise<ClientResult> {
    let result: ClientResult = { code: -1, out: '', err: '' };
    await waitFor(
      words,
      async () => {
        result = await this.run(words, options);
        return result.code === 0 || !/NotFound|not found|the object has been modified/.test(result.err);
      },
      { timeoutMs: STEP_MS, everyMs: 100 },
    ).catch(() => undefined);
    const matches = typeof expected === 'string' ? result.out === expected : expected.test(result.out);
    expect.soft(result.code === 0 && matches ? 'as expected' : { words, expected, ...result }).toBe('as expected');
    return result;
  }

  async fails(words: string, expected: RegExp, options: ClientOptions = {}): Promise<ClientResult> {
    const result = await this.run(words, options);
    const matches = result.code !== 0 && expected.test(result.err + result.out);
    expect.soft(matches ? 'as expected' : { words, expected, ...result }).toBe('as expected');
    return result;
  }

  async file(name: string, ...objects: unknown[]): Promise<string> {
    const file = path.join(real.home, `${this.namespace}-${name}.json`);
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
    return file;
  }
}

/** Words as a shell would cut them; quotes keep spaces. */
function split(text: string): string[] {
  return [...text.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? '');
}

for (const each of all) {
  withClients(each, `kubectl ${each.version}`, (clients) => {
    const session = new Session(clients);
    const { namespace } = session;
    // The newest does everything; the others what they do in another way, unless everything is asked for.
    const whole = process.env['KITH_TEST_ALL_CLIENTS'] === '1' || clients.version === '1.35';
    const rolls = whole || clients.version === '1.20';

    it('finds its way about', async () => {
      await session.does('version', /Server Version/);
      // The client looks for cluster services.
      if (findKind('services') !== undefined) await session.does('cluster-info', /Kubernetes .* is running at .*https:\/\/127\.0\.0\.1:/);
      await session.does('api-versions', /^apps\/v1$/m);
      await session.does('api-resources', /^pods +po +v1 +true +Pod$/m);
      await session.does('api-resources --namespaced=false -o name', /^nodes$/m);
      await session.does('get nodes', /^NAME +STATUS +ROLES +AGE +VERSION\nreal-1 +Ready/);
      await session.does('get nodes -o wide', /INTERNAL-IP +EXTERNAL-IP +OS-IMAGE +KERNEL-VERSION +CONTAINER-RUNTIME/);
      await session.does('describe node real-2', /^Name: +real-2[^]*Conditions:[^]*Allocatable:/);
      await session.shows('describe node real-3', /^Lease:\n +HolderIdentity: +real-3\n +AcquireTime: +<unset>\n +RenewTime: +\w+, \d/m);
      await session.shows('get leases -A', /^kube-node-lease +real-1 +real-1 /m);
      await session.does(`create namespace ${namespace}`, `namespace/${namespace} created\n`);
      await session.shows(`get ns ${namespace}`, /Active/);
      await session.does(`describe namespace ${namespace}`, /Status: +Active/);
    });

    it('runs a replication controller', async () => {
      const file = await session.file('rc', counters('counter', 2, namespace));
      await session.does(`create -f ${file}`, 'replicationcontroller/counter created\n');
      await session.fails(`create -f ${file}`, /AlreadyExists.*replicationcontrollers "counter" already exists/);
      await session.shows('get rc counter', /^NAME +DESIRED +CURRENT +READY +AGE\ncounter +2 +2 +2 /);
      await session.does('get rc -o wide', /CONTAINERS +IMAGES +SELECTOR/);
      await session.shows('describe rc counter', /Replicas: +2 current \/ 2 desired\n[^]*SuccessfulCreate/);
      await session.does('scale rc counter --replicas=3', 'replicationcontroller/counter scaled\n');
      await session.shows('get rc counter -o jsonpath={.spec.replicas}/{.status.readyReplicas}', '3/3');
      await session.does('scale rc counter --current-replicas=3 --replicas=2', 'replicationcontroller/counter scaled\n');
      await session.fails('scale rc counter --current-replicas=7 --replicas=1', /[Ee]xpected replicas to be 7, was/);
    });

    it('reads logs, of one pod and of many', async () => {
      await session.shows('logs -l app=counter --tail=1', /^(count \d+\n){2}$/);
      await session.does('logs -l app=counter --tail=1 --prefix', /^(\[pod\/counter-\w+\/counter\] count \d+\n){2}$/);
      await session.does('logs rc/counter -c counter --limit-bytes=8', 'count 1\n');
      await session.does('logs rc/counter --since=1h --timestamps', /^\d{4}-\d\d-\d\dT[\d:.]+Z count 1\n/);
      await session.fails('logs rc/counter -c other', /container other is not valid for pod counter-\w+/);
      await session.fails('logs rc/counter --previous', /previous terminated container "counter" in pod "counter-\w+" not found/);
    });

    it('exposes, autoscales and configures', async () => {
      await session.does('create deployment shop --image=kith.dev/hello:1', 'deployment.apps/shop created\n');
      await session.does('expose deployment shop --port=80 --target-port=8080', 'service/shop exposed\n');
      await session.shows(
        'get service shop',
        /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE\nshop +ClusterIP +127\.[\d.]+ +<none> +80\/TCP /,
      );
      await session.does('describe service shop', /Selector: +app=shop\n[^]*TargetPort: +8080\/TCP/);
      const limit = clients.version === '1.35' ? '--cpu=80%' : '--cpu-percent=80';
      await session.does(`autoscale deployment shop --min=1 --max=3 ${limit}`, 'horizontalpodautoscaler.autoscaling/shop autoscaled\n');
      await session.shows(
        'get hpa shop',
        /^NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE\nshop +Deployment\/shop +(?:cpu: )?<unknown>\/80% +1 +3 /,
      );
      await session.does('create configmap settings --from-literal=colour=red', 'configmap/settings created\n');
      await session.shows('get configmap settings -o jsonpath={.data.colour}', 'red');
      await session.does('create secret generic keys --from-literal=key=hush', 'secret/keys created\n');
      await session.shows('describe secret keys', /^Type: +Opaque\n[^]*key: +4 bytes/m);
      await session.does(
        'delete deployment,service,hpa shop',
        /deployment.apps "shop" deleted[^]*service "shop" deleted[^]*"shop" deleted/,
      );
      await session.does('delete configmap/settings secret/keys', /configmap "settings" deleted[^]*secret "keys" deleted/);
    });

    it.runIf(whole)('looks at pods in every way', async () => {
      await session.shows('get pods -l app=counter', /^NAME +READY +STATUS +RESTARTS +AGE\n(counter-\w+ +1\/1 +Running +0 .*\n){2}$/);
      await session.does('get pods -o wide', /IP +NODE +NOMINATED NODE +READINESS GATES\n[^]*real-\d/);
      await session.does('get pods -l app=counter -o name', /^(pod\/counter-\w+\n){2}$/);
      // What an earlier story deleted may still be ending.
      await session.shows('get pods --selector=app!=counter', '');
      await session.does('get pods --field-selector=status.phase=Running -o jsonpath={.items[*].status.phase}', 'Running Running');
      await session.fails('get pods --field-selector=spec.colour=red', /field label not supported: spec.colour/);
      await session.does('get pods -o custom-columns=N:.metadata.name,P:.status.phase --no-headers', /^(counter-\w+ +Running\n){2}$/);
      await session.does("get pods -o 'go-template={{range .items}}{{.status.phase}} {{end}}'", 'Running Running ');
      await session.does('get pods --sort-by=.metadata.name --show-labels', /LABELS\n[^]*app=counter/);
      await session.does('get pods -A', /^NAMESPACE +NAME/);
      await session.does('get pods -o yaml', /^apiVersion: v1\nitems:\n/);
      await session.does('get all', /^NAME[^]*pod\/counter-[^]*replicationcontroller\/counter/);
      await session.fails('get pod nothing', /Error from server \(NotFound\): pods "nothing" not found/);
      await session.does('get pod nothing --ignore-not-found', '');
      await session.does('describe pods -l app=counter', /Controlled By: +ReplicationController\/counter[^]*Started/);
      await session.does('get events', /LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n[^]*Started/);
      if (session.modern) await session.does('events', /LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n/);
      const [name = ''] = (await session.run('get pods -o jsonpath={.items[0].metadata.name}')).out.split(' ');
      await session.does(`label pod ${name} tier=front`, `pod/${name} labeled\n`);
      await session.shows('get pods -l tier=front -o name', `pod/${name}\n`);
      await session.does(`label pod ${name} tier=back --overwrite`, `pod/${name} labeled\n`);
      await session.does(`annotate pod ${name} note=hello`, `pod/${name} annotated\n`);
      await session.shows(`get pod ${name} -o jsonpath={.metadata.annotations.note}`, 'hello');
      await session.does(`label pod ${name} tier-`, /^pod\/.* (?:un)?labeled\n$/);
      await session.does(`wait pod -l app=counter --for=condition=Ready --timeout=20s`, /^(pod\/counter-\w+ condition met\n){2}$/);
      await session.does(`delete pod ${name} --now`, new RegExp(`^pod "${name}" deleted`));
      await session.shows('get rc counter -o jsonpath={.status.readyReplicas}', '2');
    });

    it.runIf(rolls)('rolls a deployment out and back', async () => {
      await session.does('create deployment web --image=kith.dev/hello:1 --replicas=2', 'deployment.apps/web created\n');
      await session.does('rollout status deployment/web --timeout=30s', /deployment "web" successfully rolled out/);
      await session.does('get deployment web', /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +2\/2 +2 +2 /);
      await session.does('set image deployment/web hello=kith.dev/hello:2', 'deployment.apps/web image updated\n');
      await session.does('rollout status deployment/web --timeout=30s', /successfully rolled out/);
      await session.shows('get deployment web -o jsonpath={.spec.template.spec.containers[0].image}', 'kith.dev/hello:2');
      await session.shows('rollout history deployment/web', /REVISION +CHANGE-CAUSE\n1 [^]*\n2 /);
      await session.does('rollout undo deployment/web', 'deployment.apps/web rolled back\n');
      await session.does('rollout status deployment/web --timeout=30s', /successfully rolled out/);
      await session.shows('get deployment web -o jsonpath={.spec.template.spec.containers[0].image}', 'kith.dev/hello:1');
      await session.does('rollout pause deployment/web', 'deployment.apps/web paused\n');
      await session.does('set env deployment/web COLOUR=blue', 'deployment.apps/web env updated\n');
      await session.does('set resources deployment/web --limits=cpu=50m', 'deployment.apps/web resource requirements updated\n');
      await session.does('rollout resume deployment/web', 'deployment.apps/web resumed\n');
      await session.does('rollout status deployment/web --timeout=30s', /successfully rolled out/);
      await session.shows('get deployment web -o jsonpath={.spec.template.spec.containers[0].env[0].value}', 'blue');
      await session.does('get deployments.v1.apps web -o name', 'deployment.apps/web\n');
      await session.does('rollout restart deployment/web', 'deployment.apps/web restarted\n');
      await session.does('rollout status deployment/web --timeout=30s', /successfully rolled out/);
      await session.does('describe deployment web', /StrategyType: +RollingUpdate[^]*NewReplicaSet: +web-/);
      await session.does('wait deployment/web --for=condition=Available --timeout=20s', 'deployment.apps/web condition met\n');
      await session.does('get rs -l app=web', /^NAME +DESIRED +CURRENT +READY +AGE\nweb-/);
    });

    it.runIf(rolls)('patches, edits and replaces', async () => {
      // In the end it is short: what is deleted later does not listen to signals.
      const grace = 'get deployment web -o jsonpath={.spec.template.spec.terminationGracePeriodSeconds}';
      const patch = (seconds: number): string => `'{"spec":{"template":{"spec":{"terminationGracePeriodSeconds":${seconds}}}}}'`;
      await session.does(`patch deployment web -p ${patch(4)}`, 'deployment.apps/web patched\n');
      await session.shows(grace, '4');
      await session.does(`patch deployment web --type=merge -p ${patch(3)}`, 'deployment.apps/web patched\n');
      await session.shows(grace, '3');
      const json = (test: number, value: number): string =>
        `'[{"op":"test","path":"/spec/template/spec/terminationGracePeriodSeconds","value":${test}},{"op":"replace","path":"/spec/template/spec/terminationGracePeriodSeconds","value":${value}}]'`;
      await session.does(`patch deployment web --type=json -p ${json(3, 2)}`, 'deployment.apps/web patched\n');
      await session.shows(grace, '2');
      await session.fails(`patch deployment web --type=json -p ${json(7, 8)}`, /rejected our request|The request is invalid/);
      const KUBE_EDITOR = 'sed -i s/terminationGracePeriodSeconds:.2/terminationGracePeriodSeconds:\\ 1/';
      await session.does('edit deployment web', 'deployment.apps/web edited\n', { environment: { KUBE_EDITOR } });
      await session.shows(grace, '1');
      const { out } = await session.run('get deployment web -o json');
      const file = await session.file('replaced', {
        ...(JSON.parse(out) as object),
        metadata: { name: 'web', namespace, labels: { app: 'web', replaced: 'yes' } },
      });
      await session.does(`replace -f ${file}`, 'deployment.apps/web replaced\n');
      await session.shows('get deployment -l replaced=yes -o name', 'deployment.apps/web\n');
    });

    it('applies in both ways, with dry runs and differences', async () => {
      const manifest = hello('site', 1, 1) as { metadata: object; spec: { replicas: number; strategy: object } };
      // With a type: without one, the client itself says "configured" each time.
      const strategy = { type: 'RollingUpdate', ...manifest.spec.strategy };
      const site = { ...manifest, metadata: { ...manifest.metadata, namespace }, spec: { ...manifest.spec, strategy } };
      const two = { ...site, spec: { ...site.spec, replicas: 2 } };
      const [first, second] = [await session.file('site', site), await session.file('site-two', two)];
      await session.does(`apply -f ${first} --dry-run=server`, 'deployment.apps/site created (server dry run)\n');
      await session.does(`apply -f ${first}`, 'deployment.apps/site created\n');
      await session.does(`apply -f ${first}`, /^deployment.apps\/site (unchanged|created)\n$/);
      const diff = await session.run(`diff -f ${second}`);
      expect(diff).toMatchObject({ code: 1, out: expect.stringMatching(/^-.*replicas: 1$[^]*^\+.*replicas: 2$/m) as string });
      await session.does(`apply -f ${second}`, 'deployment.apps/site configured\n');
      await session.shows('get deployment site -o jsonpath={.spec.replicas}', '2');
      await session.does('apply view-last-applied deployment/site', /^apiVersion: apps\/v1\n[^]*replicas: 2\n/);
      await session.does('delete deployment site --dry-run=server', /^deployment.apps "site" deleted.*\(server dry run\)\n$/);
      await session.fails(
        'annotate deployment site a=b --resource-version=1',
        /the object has been modified|Operation cannot be fulfilled/,
      );
      await session.does('scale deployment site --replicas=1', 'deployment.apps/site scaled\n');
      await session.shows('get deployment site -o jsonpath={.spec.replicas}', '1');
      await session.fails(`apply --server-side --field-manager=robot -f ${second}`, /conflict[^]*spec\.replicas/);
      await session.does(`apply --server-side --field-manager=robot --force-conflicts -f ${second}`, /serverside-applied/);
      await session.shows('get deployment site -o jsonpath={.spec.replicas}', '2');
      await session.shows('get deployment site -o \'jsonpath={.metadata.managedFields[?(@.operation=="Apply")].manager}\'', 'robot');
      // Two at once at two peers: each keeps what it applied.
      const label = async (name: string): Promise<string> =>
        session.file(`label-${name}`, {
          apiVersion: 'apps/v1',
          kind: 'Deployment',
          metadata: { name: 'site', namespace, labels: { [name]: 'x' } },
        });
      const files = [await label('left'), await label('right')];
      await Promise.all(
        files.map(async (file, index) => session.does(`apply --server-side --field-manager=m${index} -f ${file}`, /serverside-applied/)),
      );
      await session.shows(
        'get deployment site -o \'jsonpath={.metadata.managedFields[?(@.operation=="Apply")].manager}\'',
        /(?=.*robot)(?=.*m0)(?=.*m1)/,
      );
      await session.shows('get deployment -l left=x,right=x -o name', 'deployment.apps/site\n');
      const wrong = await session.file('wrong', { ...site, spec: { ...site.spec, replcas: 3 } });
      await session.fails(`apply -f ${wrong}`, /unknown field "(?:spec\.)?replcas"/);
    });

    it.runIf(whole)('cordons, drains and taints nodes', async () => {
      await session.does('cordon real-3', 'node/real-3 cordoned\n');
      await session.shows('get node real-3', /Ready,SchedulingDisabled/);
      await session.does('uncordon real-3', 'node/real-3 uncordoned\n');
      await session.does(
        `drain real-3 --ignore-daemonsets --delete-emptydir-data --force --timeout=30s`,
        /node\/real-3 (?:drained|evicted|deleted)/,
      );
      await session.shows('get pods -A --field-selector spec.nodeName=real-3 -o name', '');
      await session.does('uncordon real-3', 'node/real-3 uncordoned\n');
      await session.does('taint node real-3 colour=red:NoSchedule', 'node/real-3 tainted\n');
      await session.shows('get node real-3 -o \'jsonpath={.spec.taints[?(@.key=="colour")].value}\'', 'red');
      await session.does('taint node real-3 colour-', /node\/real-3 untainted\n/);
    });

    it.runIf(whole)('runs single pods, and watches them come and go', async () => {
      const stop = new AbortController();
      let told = '';
      const watching = session.run('get pods -l run=lone -w', { signal: stop.signal, onOut: (text) => (told += text) });
      await session.does('run lone --image=kith.dev/hello:1 --restart=Never --port=8080 --env=A=b --labels=run=lone', 'pod/lone created\n');
      await session.shows(
        'get pod lone -o jsonpath={.status.phase}/{.spec.restartPolicy}/{.spec.containers[0].env[0].value}',
        'Running/Never/b',
      );
      if (session.modern)
        await session.does("wait pod/lone '--for=jsonpath={.status.phase}=Running' --timeout=20s", 'pod/lone condition met\n');
      await waitFor('the watch tells of it', () => /lone +1\/1 +Running/.test(told), { timeoutMs: STEP_MS });
      if (session.modern) {
        await session.does(
          "debug lone --image=busybox -c look --target=lone -- sh -c 'echo looked; exit 3'",
          /^(?:Targeting container "lone"\..*\n)?$/,
        );
        await session.shows('get pod lone -o jsonpath={.status.ephemeralContainerStatuses[0].state.terminated.exitCode}', '3');
        await session.shows('logs lone -c look', 'looked\n');
        await session.shows('describe pod lone', /Ephemeral Containers:\n +look:[^]*Exit Code: +3/);
        const atNode = 'debug node/real-1 --image=busybox --profile=general -- ls /host';
        await session.fails(atNode, /violates PodSecurity "baseline:latest": host namespaces/);
        await session.does(`label namespace ${namespace} pod-security.kubernetes.io/enforce=privileged`, / labeled\n$/);
        const { out } = await session.does(
          atNode,
          /^Creating debugging pod node-debugger-real-1-\w+ with container debugger on node real-1\.\n$/,
        );
        await session.shows('events', /Failed to create pod sandbox: the process runtime has no hostNetwork/);
        await session.does(`delete pod ${/pod (\S+)/.exec(out)?.[1] ?? ''} --now`, /^pod "node-debugger-real-1-/);
        await session.does(`label namespace ${namespace} pod-security.kubernetes.io/enforce-`, / unlabeled\n$/);
      }
      const waiting = session.run('wait pod/lone --for=delete --timeout=30s');
      await session.does('delete pod lone --grace-period=1', /^pod "lone" deleted/);
      expect((await waiting).err).not.toMatch(/timed out/);
      await waitFor('the watch tells of its end', () => /lone +\d\/1 +(?:Terminating|Completed|Error)/.test(told), { timeoutMs: STEP_MS });
      stop.abort();
      await watching;
      expect(told.match(/^NAME +READY/gm)).toHaveLength(1);
    });

    it.runIf(whole)('gives names, tells of dry runs, and refuses what is wrong in words', async () => {
      const named = await session.file('named', {
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: { generateName: 'drawn-' },
        spec: { containers: [{ name: 'c', image: 'kith.dev/hello:1' }] },
      });
      await session.does(`create -f ${named} --dry-run=server`, /^pod\/drawn-\w{5} created \(server dry run\)\n$/);
      await session.shows('get pods -o name', /^(?!.*drawn)/s);
      const bad = await session.file('bad', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'Bad_Name' }, spec: { containers: [] } });
      await session.fails(
        `create -f ${bad} --validate=false`,
        /The Pod "Bad_Name" is invalid[^]*metadata\.name: Invalid value: "Bad_Name"[^]*spec\.containers: Required value/,
      );
      const volume = {
        volumes: [{ name: 'v', emptyDir: {} }],
        containers: [{ name: 'c', image: 'kith.dev/hello:1' }],
        os: { name: 'windows' },
      };
      const unsupported = await session.file('unsupported', { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'un' }, spec: volume });
      await session.fails(`create -f ${unsupported} --validate=false`, /spec\.os: Forbidden: not supported by Kith yet/);
      await session.fails('get widgets', /the server doesn't have a resource type "widgets"/);
      await session.does('get --raw /readyz', 'ok');
    });

    it.runIf(rolls)('explains', async () => {
      await session.does('explain pods.spec.containers', /FIELDS:[^]*image\s+<string>/);
      await session.does('explain deployment', /KIND: +Deployment[^]*spec\s+<[^]*How many pods|FIELDS:/);
      await session.fails('explain pods.spec.nonsense', /field "nonsense" does not exist/);
    });

    it('deletes, with what belongs to it or without', async () => {
      await session.does('delete deployment site', /deleted/);
      await session.does('delete rc counter --cascade=orphan', /deleted/);
      await session.shows('get pods -l app=counter -o name', /^(pod\/counter-\w+\n){2}$/);
      await session.does('delete pods -l app=counter --grace-period=1', /^(pod "counter-\w+" deleted.*\n){2}$/);
      if (rolls) await session.does('delete deployment web --cascade=foreground', /deleted/);
      await session.shows('get pods,rs -o name', '');
      await session.does(`delete namespace ${namespace}`, /deleted/);
      await session.fails(`get namespace ${namespace}`, /NotFound/);
    });
  });
}
