/** A Dockerfile as people's guides have it, and how its container shows that it works. */
export interface Guide {
  name: string;
  dockerfile: string;
  /** Files of the context. Those that are made by a command are in `prepare`. */
  files: Record<string, string>;
  /** Shell, in the context's folder; `$TREE` is the base's root file system, `$NPM` and `$NGINX` are archives. */
  prepare?: string;
  /** What two builds of it do not write alike: compilers and package managers note times and temporary names. */
  unstable?: RegExp;
  /** Shell in a container of the image that is running; its output is compared with that of the other engine's. */
  ask: string;
}

/** Everything in them comes from Debian's packages; the base, `guides`, is a Debian with compiler, Ruby, Node and Java. */
export const guides: readonly Guide[] = [
  {
    name: "nginx from its source",
    prepare: 'cp "$NGINX" nginx-1.22.1.tar.gz',
    files: { "index.html": "hello from nginx\n" },
    dockerfile: `FROM guides
MAINTAINER someone <someone@example.com>
ENV NGINX_VERSION 1.22.1
ADD nginx-$NGINX_VERSION.tar.gz /usr/local/src/
WORKDIR /usr/local/src/nginx-$NGINX_VERSION
RUN ./configure --prefix=/usr/local/nginx --without-http_rewrite_module --without-http_gzip_module \\
    && make && make install
RUN ln -s /usr/local/nginx/sbin/nginx /usr/bin/nginx
ADD index.html /usr/local/nginx/html/index.html
ENV PATH /usr/local/nginx/sbin:$PATH
VOLUME ["/usr/local/nginx/logs"]
EXPOSE 80
CMD ["nginx", "-g", "daemon off;"]
`,
    unstable: /^\/usr\/local\/(src\/nginx-1.22.1\/objs\/|nginx\/sbin\/nginx$)/,
    ask: "until wget -qO- http://127.0.0.1/; do sleep 0.1; done; readlink /usr/bin/nginx; id -u",
  },
  {
    name: "Tomcat and Java of two archives",
    prepare: `tar --exclude=docs --exclude=cacerts -czf jdk.tar.gz --dereference --hard-dereference -C "$TREE/usr/lib/jvm" java-17-openjdk-amd64
mkdir tomcat && cp -rL "$TREE/usr/share/tomcat10/." tomcat && mkdir -p tomcat/conf tomcat/webapps/ROOT tomcat/temp tomcat/logs tomcat/work
cp -r "$TREE/etc/tomcat10/." tomcat/conf && echo 'hello from Tomcat' >tomcat/webapps/ROOT/index.html
tar -czf tomcat.tar.gz tomcat && rm -r tomcat`,
    files: {},
    dockerfile: `FROM guides
ADD jdk.tar.gz /usr/local/
ADD tomcat.tar.gz /usr/local/
ENV JAVA_HOME=/usr/local/java-17-openjdk-amd64 \\
    CATALINA_HOME=/usr/local/tomcat
ENV CATALINA_BASE=$CATALINA_HOME PATH=$CATALINA_HOME/bin:$JAVA_HOME/bin:$PATH
WORKDIR $CATALINA_HOME
EXPOSE 8080
ENTRYPOINT ["catalina.sh", "run"]
`,
    ask: "until wget -qO- http://127.0.0.1:8080/; do sleep 0.2; done; pwd",
  },
  {
    name: "a Ruby application",
    files: {
      "app/hello.rb":
        'require "sinatra"\nset :bind, "0.0.0.0"\nset :server, "webrick"\nget("/") { "hello from #{ENV.fetch("NAME")}\\n" }\n',
      "app/run.sh": "#!/bin/sh\nexec ruby /opt/webapp/hello.rb -p 4567\n",
    },
    dockerfile: `FROM guides
LABEL maintainer="someone@example.com" version="1.0"
ARG NAME=Sinatra
ENV NAME=$NAME RACK_ENV=production
RUN useradd --system --home /opt/webapp webapp && mkdir -p /opt/webapp
COPY --chown=webapp:webapp app/ /opt/webapp/
RUN chmod +x /opt/webapp/run.sh
USER webapp
WORKDIR /opt/webapp
EXPOSE 4567
HEALTHCHECK --interval=5s --timeout=2s CMD wget -qO- http://127.0.0.1:4567/ || exit 1
CMD ["/opt/webapp/run.sh"]
`,
    unstable: /^\/(etc\/(passwd-?|shadow-?|group-?|gshadow-?|sub[ug]id-?|\.pwd\.lock)|var\/log\/)/,
    ask: "until wget -qO- http://127.0.0.1:4567/; do sleep 0.2; done; id -un; stat -c '%U %a' /opt/webapp/run.sh",
  },
  {
    name: "a Node application with a cache for its packages",
    prepare: `mkdir npm && tar -xzf "$NPM" -C npm --strip-components=1
mkdir dep && echo '{"name":"dep","version":"1.0.0","main":"i.js"}' >dep/package.json && echo 'module.exports="hello from a package"' >dep/i.js
mkdir vendor && tar -cf - --transform 's,^dep,package,' dep | gzip -n >vendor/dep.tgz && rm -r dep`,
    files: {
      "package.json": '{"name":"app","version":"1.0.0","dependencies":{"dep":"file:vendor/dep.tgz"}}\n',
      "server.js":
        'require("http").createServer((_, answer) => answer.end(require("dep"))).listen(process.env.PORT);\n',
      ".dockerignore": "node_modules\n*.md\n",
      "README.md": "not in the image\n",
    },
    dockerfile: `FROM guides AS base
COPY npm /usr/local/lib/npm
ENV NODE_ENV=production PORT=3000
WORKDIR /app

FROM base AS packages
COPY package.json ./
COPY vendor vendor
RUN --mount=type=cache,target=/root/.npm,sharing=locked node /usr/local/lib/npm/bin/npm-cli.js install --omit=dev --offline --no-audit --no-fund

FROM base
COPY --from=packages /app/node_modules node_modules
COPY . .
EXPOSE 3000/tcp
CMD node server.js
`,
    ask: "until wget -qO- http://127.0.0.1:3000/; do sleep 0.2; done; ls -a /app /root",
  },
  {
    name: "a program compiled to nothing but itself",
    files: {
      "main.c":
        '#include <stdio.h>\n#include <unistd.h>\nint main(void) { puts("hello from scratch"); fflush(stdout); pause(); }\n',
    },
    dockerfile: `FROM guides AS build
WORKDIR /src
COPY main.c .
RUN <<EOF
gcc -static -O2 -Wl,--build-id=none -o /hello main.c
strip /hello
EOF

FROM scratch
COPY --from=build --chmod=0555 /hello /hello
USER 65534:65534
STOPSIGNAL SIGKILL
ENTRYPOINT ["/hello"]
`,
    ask: "",
  },
];
