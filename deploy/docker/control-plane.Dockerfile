# The control plane on the LTS line of Node that the proxy's executable carries, with its dependencies as locked.
#   npm run build && docker build -f deploy/docker/control-plane.Dockerfile -t isthmus-control-plane:0.1.0 .
FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json ./
COPY packages/codec-wasm packages/codec-wasm
COPY packages/sdk packages/sdk
COPY packages/control-plane packages/control-plane
RUN npm ci --omit=dev --ignore-scripts -w packages/control-plane -w packages/sdk -w packages/codec-wasm

FROM node:24-bookworm-slim
COPY --from=packages /app /app
# As Istio's; the key of the CA is mounted readable for it.
USER 1337:1337
WORKDIR /app
EXPOSE 15012 15013 15014 15021
ENTRYPOINT ["node", "/app/packages/control-plane/dist/main.js"]
CMD ["serve", "--config", "/etc/isthmus/config/config.yaml"]
