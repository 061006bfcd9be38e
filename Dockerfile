# Two images: docker build --target gateway --tag mortise-gateway .
#             docker build --target worker --tag mortise-worker .
# They read /etc/mortise/mortise.yml, run as uid 1000 and need to write nothing but /tmp.

FROM node:24.21.0-trixie-slim AS base
# A process that is PID 1 cannot end itself by SIGKILL, which Mortise does when native work does not end; and somebody
# has to collect what health checks and `docker exec` leave behind.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /mortise

FROM base AS install
# A registry of one's own: docker build --secret id=npmrc,src=$HOME/.npmrc
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm install --global pnpm@12.21.0
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml LICENSE ./
COPY packages packages
COPY services services
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
    --mount=type=cache,target=/root/.local/share/pnpm/store \
    pnpm install --prod --frozen-lockfile --filter '@mortise/cli...' \
    && rm -rf node_modules/.bin node_modules/node-linux-* node_modules/.pnpm/node-linux-* \
    && cp pnpm-lock.yaml node_modules/.mortise-lock.yaml
COPY deploy/health.cjs deploy/

FROM install AS install-without-sharp
RUN rm -rf node_modules/.pnpm/sharp@* node_modules/.pnpm/@img+* packages/*/node_modules/sharp \
    node_modules/.pnpm/node_modules/sharp node_modules/.pnpm/node_modules/@img

FROM base AS runtime
ENV NODE_ENV=production
LABEL org.opencontainers.image.title="Mortise" \
      org.opencontainers.image.description="Serves image derivatives: resized, cropped and re-encoded on request." \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT"
USER node
STOPSIGNAL SIGTERM
# Whether the process lives. Whether it can work is `health.cjs readyz`.
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s --retries=3 CMD ["node", "/mortise/deploy/health.cjs"]
ENTRYPOINT ["/usr/bin/tini", "--", "/mortise/services/cli/bin/mortise"]

FROM runtime AS gateway
COPY --from=install-without-sharp /mortise /mortise
EXPOSE 8080 8081
CMD ["gateway", "--config", "/etc/mortise/mortise.yml"]

FROM runtime AS worker
COPY --from=install /mortise /mortise
EXPOSE 8081
CMD ["worker", "--config", "/etc/mortise/mortise.yml"]
