# The service in a container: CPU by default, CUDA with --build-arg TORCH=cuda.
# How to use it: docs/docker.md
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
RUN python -m venv /opt/marsam
ENV PATH=/opt/marsam/bin:$PATH
# By itself, so that a change of ours fetches nothing large again.
ARG TORCH=cpu
RUN case "$TORCH" in \
        cpu) set -- --index-url https://download.pytorch.org/whl/cpu ;; \
        cuda) set -- ;; \
        *) echo "TORCH is cpu or cuda" >&2; exit 1 ;; \
    esac \
    && pip install --no-cache-dir "$@" "torch>=2.9,<2.14"
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY LICENSES LICENSES
COPY src src
# Which versions is said in pyproject.toml.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir ".[parquet,postgres,s3]"

FROM python:${PYTHON}
# Pillow loads it when Arabic is written into a picture; without it the letters stand apart.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libfribidi0 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin marsam \
    && install -d -o marsam -g marsam /data
COPY --from=build /opt/marsam /opt/marsam
# Everything that is written goes into the volume: runs, models, and what libraries keep at home.
ENV PATH=/opt/marsam/bin:$PATH \
    HOME=/data \
    MARSAM_DATA=/data/runs \
    HF_HOME=/data/models \
    PORT=7860
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 7860
# 401 is as good as 200: it answers, and wants the key that this check has not.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "\
import http.client as http, os; \
asked = http.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); \
asked.request('GET', '/healthz'); \
raise SystemExit(asked.getresponse().status not in (200, 401))"]
ENTRYPOINT ["marsam"]
# Others can reach it here, so it wants MARSAM_KEY before it starts.
CMD ["serve", "--host", "0.0.0.0"]
