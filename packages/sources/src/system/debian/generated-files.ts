/** Files in /usr that belong to no package because triggers and scripts of packages make them: they come back with the packages. */

const GENERATED: readonly RegExp[] = [
  /\/__pycache__(\/|$)/,
  /\.pyc$/,
  /\/(gconv-modules|giomodule|loaders|immodules|icon-theme|mimeinfo)\.cache$/,
  /\/gschemas\.compiled$/,
  /^\/usr\/share\/mime\/(?!packages(\/|$))/,
  /^\/usr\/lib\/modules\/[^/]+\/modules\./,
  /^\/usr\/lib\/locale\/locale-archive$/,
  /^\/usr\/share\/info\/dir(\.old)?$/,
  /^\/usr\/lib\/udev\/hwdb\.bin$/,
  /^\/usr\/share\/fonts\/(.*\/)?(\.uuid|fonts\.(dir|scale))$/,
  /^\/usr\/share\/vim\/[^/]+\/doc\/tags$/,
  /^\/usr\/share\/emacs[^/]*\/.*\.elc$/,
  /^\/usr\/lib\/jvm\/.*\/classes(_nocoops)?\.jsa$/,
];

export function isGenerated(path: string): boolean {
  return GENERATED.some((pattern) => pattern.test(path));
}
