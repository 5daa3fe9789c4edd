# syntax=docker/dockerfile:1
ARG PYTHON=python:3.13-slim

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /src
RUN python -m venv /opt/build && python -m venv --without-pip /opt/rotator
COPY requirements/ requirements/
RUN /opt/build/bin/pip install --require-hashes -r requirements/build.txt \
 && /opt/build/bin/pip --python /opt/rotator/bin/python install --no-compile --require-hashes --only-binary=:all: -r requirements/runtime.txt
COPY LICENSE README.md pyproject.toml config.example.yaml ./
COPY rotator/ rotator/
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /dist . \
 && /opt/build/bin/pip --python /opt/rotator/bin/python install --no-compile --no-deps --no-index /dist/*.whl
COPY deploy/container/trim.py ./
RUN /opt/rotator/bin/python trim.py

FROM ${PYTHON}
ARG VERSION=dev
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Rotator" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.description="Rotates Microsoft Entra ID client secrets: added, verified, delivered, and only then revoked." \
      org.opencontainers.image.licenses="Apache-2.0"
# Owned by the user it runs as, and closed to others: a volume mounted here inherits both.
RUN install -d -o 65532 -g 65532 -m 0700 /var/lib/rotator
COPY --from=build /opt/rotator /opt/rotator
ENV PATH=/opt/rotator/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER 65532:65532
WORKDIR /var/lib/rotator
VOLUME /var/lib/rotator
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 CMD ["rotator", "healthcheck"]
ENTRYPOINT ["rotator"]
CMD ["run"]
