interface Route {
  pattern: RegExp;
  methods: Set<string>;
}

/** Every route there is, to tell an unknown path from a known one that was asked with a wrong method. */
export class RouteTable {
  private readonly routes = new Map<string, Route>();

  /** `url` as in the router: `/v1/files/:id`. */
  add(methods: string | readonly string[], url: string): void {
    const route = this.routes.get(url) ?? { pattern: patternOf(url), methods: new Set<string>() };
    for (const method of [methods].flat()) route.methods.add(method);
    this.routes.set(url, route);
  }

  /** The methods that this path may be asked with, sorted; none for an unknown path. */
  methodsOf(path: string): string[] {
    const found = [...this.routes.values()].filter(({ pattern }) => pattern.test(path));
    return [...new Set(found.flatMap(({ methods }) => [...methods]))].sort();
  }
}

function patternOf(url: string): RegExp {
  const source = url
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part === '*' ? '.*' : part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')))
    .join('/');
  return new RegExp(`^${source}$`);
}
