/**
 * A kind's fields, written once: strict decoding, defaults, validation, OpenAPI, patch keys and the support table are all read off it.
 */
export type Schema =
  /** An `enum` is in the order in which Kubernetes lists it. `words`: what Kubernetes says of another value, where it lists none. */
  | (Described & {
      type: 'string';
      enum?: readonly string[];
      words?: string;
      default?: string;
      format?: 'time' | 'quantity' | 'byte';
      check?: StringCheck;
    })
  /** `int32` unless the format says otherwise. `words`: what Kubernetes says of a number out of bounds, where it does not name them. */
  | (Described & { type: 'integer'; format?: 'int32' | 'int64'; default?: number; minimum?: number; maximum?: number; words?: string })
  | (Described & { type: 'number' })
  | (Described & { type: 'boolean'; default?: boolean })
  /** An integer, or text such as `25%` or a port's name. */
  | (Described & { type: 'intOrString'; default?: number | string })
  | (Described & {
      type: 'array';
      items: Schema;
      minItems?: number;
      /** Members with equal values in these fields are the same member (server-side apply). */
      listMapKeys?: readonly string[];
      /** Strategic merge patch's key. */
      patchMergeKey?: string;
      /** A list of primitives that strategic merge patch treats as a set. */
      patchMerge?: boolean;
    })
  | (Described & { type: 'map'; values: Schema })
  | ObjectSchema
  /** Anything at all; used for what we store without looking. */
  | (Described & { type: 'any' });

export type ObjectSchema = Described & {
  type: 'object';
  /** Name of Kubernetes' Go type, for example `PodSpec`: in decoding errors and in OpenAPI. */
  typeName?: string;
  fields: Readonly<Record<string, Schema>>;
  required?: readonly string[];
  default?: Readonly<Record<string, never>>;
};

export type StringCheck =
  | 'dns1123Label'
  | 'dns1123Subdomain'
  | 'qualifiedName'
  | 'labelValue'
  | 'image'
  | 'absolutePath'
  | 'envName'
  | 'portName'
  | 'ip'
  | 'pathSegment';

export interface Described {
  description: string;
  /** Of an object, a map or a list: server-side apply owns it as a whole, and takes nothing apart. A list without keys is one anyhow. */
  atomic?: boolean;
  /**
   * `honoured` (default): does what Kubernetes says. `stored`: kept and shown, has no effect yet: a write warns. `refused`: a write fails and says so.
   */
  support?: 'honoured' | 'stored' | 'refused';
  /** For `stored` and `refused`: a part of a sentence that follows the field's path. */
  why?: string;
  /**
   * Of a required field that is not there: a detail of the answer; or `zero`, as Go has no missing values where a field is no pointer: the rules are asked of an
   * empty text, of 0, or of an empty object.
   */
  missing?: 'zero' | { detail: string };
  /** Values of a `stored` or `refused` field that ask for nothing, besides its default and what is empty: neither warned of nor refused. `false` is one, unless `true` is given here. */
  inert?: readonly (string | number | boolean)[];
  /** Of a `stored` field: values of a field beside it with which it does hold, so that nobody is warned. */
  holdsWith?: Readonly<Record<string, string>>;
}
