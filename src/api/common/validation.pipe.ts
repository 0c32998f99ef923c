/**
 * Checks request bodies against the class of the parameter, whose fields are declared with `field.decorators.ts`.
 *
 * The body's declared fields are put on a fresh instance as they are, without copying what is in them: what a task
 * carries can be megabytes, and nobody has to look into it here. Fields that are not declared are left behind, so new
 * ones of a newer client do no harm, and none can stand for something of the class itself; classes that say so refuse them.
 */
import { Injectable, type ArgumentMetadata, type PipeTransform } from '@nestjs/common';
import { getMetadataStorage, validateSync, type ValidationError } from 'class-validator';
import { MillraceError } from '../../kernel/errors.js';
import {
  FIELD_RULE,
  isObject,
  refusesUnknownFields,
  unknownField,
  wrongType,
  type FieldContext,
  type FieldType,
} from './field.decorators.js';

rememberRules(getMetadataStorage());

@Injectable()
export class ValidationPipe implements PipeTransform {
  private readonly fieldsByType = new Map<FieldType, Map<string, FieldContext>>();

  transform(body: unknown, { type, metatype }: ArgumentMetadata): unknown {
    if (type !== 'body' || metatype === undefined) return body;
    const fieldType = metatype as FieldType;
    if (this.fieldsOf(fieldType).size === 0) return body;
    if (body !== undefined && !isObject(body)) throw wrongType('body', 'an object', body);
    const shaped = this.shape(fieldType, body ?? {}, '');
    const [error] = validateSync(shaped, { stopAtFirstError: true, forbidUnknownValues: false });
    if (error !== undefined) throw explain(error, '');
    return shaped;
  }

  private shape(type: FieldType, body: Record<string, unknown>, path: string): object {
    const shaped = new type() as Record<string, unknown>;
    const fields = this.fieldsOf(type);
    for (const [name, { nested }] of fields) {
      if (!Object.hasOwn(body, name)) continue;
      const value = body[name];
      shaped[name] = nested !== null && isObject(value) ? this.shape(nested, value, `${path}${name}.`) : value;
    }
    if (refusesUnknownFields(type)) {
      const unknown = Object.keys(body).find((name) => !fields.has(name));
      if (unknown !== undefined) throw unknownField(path + unknown);
    }
    return shaped;
  }

  private fieldsOf(type: FieldType): Map<string, FieldContext> {
    let fields = this.fieldsByType.get(type);
    if (fields === undefined) {
      const rules = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
      fields = new Map(
        rules
          .filter(({ name }) => name === FIELD_RULE)
          .map(({ propertyName, context }) => [propertyName, context as FieldContext]),
      );
      this.fieldsByType.set(type, fields);
    }
    return fields;
  }
}

/** The field's own sentence about the value; for an object whose fields are wrong, about the first of those. */
function explain({ property, value, children = [], contexts }: ValidationError, parent: string): MillraceError {
  const path = parent === '' ? property : `${parent}.${property}`;
  const [context] = Object.values(contexts ?? {}) as FieldContext[];
  const found = context?.judge(value, path);
  if (found) return found;
  const [child] = children;
  if (child !== undefined) return explain(child, path);
  return new MillraceError('invalid_request', `Invalid '${path}'.`, { param: path });
}

/** class-validator gathers the rules of a class anew for each object, which takes a third of its time. They never change. */
function rememberRules(storage: ReturnType<typeof getMetadataStorage>): void {
  const gather = storage.getTargetValidationMetadatas.bind(storage);
  const known = new Map<unknown, ReturnType<typeof gather>>();
  storage.getTargetValidationMetadatas = (type, schema, ...options) => {
    if (schema) return gather(type, schema, ...options);
    let rules = known.get(type);
    if (!rules) known.set(type, (rules = gather(type, schema, ...options)));
    return rules;
  };
  const group = storage.groupByPropertyName.bind(storage);
  const grouped = new WeakMap<object, ReturnType<typeof group>>();
  storage.groupByPropertyName = (rules) => {
    let groups = grouped.get(rules);
    if (!groups) grouped.set(rules, (groups = group(rules)));
    return groups;
  };
}
