# Container image of `marsam serve`: CPU by default, CUDA with --build-arg TORCH=cuda.
# See docs/docker.md.
ARG PYTHON=3.11-slim-bookworm

FROM python:${PYTHON} AS build
RUN python -m venv /opt/marsam
ENV PATH=/opt/marsam/bin:$PATH
# PyTorch has its own layer, so that a change of Marsam does not download it again.
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
# The versions are in pyproject.toml.
# hadolint ignore=DL3013
RUN pip install --no-cache-dir ".[parquet,postgres,s3]"

FROM python:${PYTHON}
# Pillow needs libfribidi to draw Arabic text; without it the letters are not joined.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libfribidi0 \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin marsam \
    && install -d -o marsam -g marsam /data
COPY --from=build /opt/marsam /opt/marsam
# All data is written to the volume: runs, models, and the libraries' files in the home folder.
ENV PATH=/opt/marsam/bin:$PATH \
    HOME=/data \
    MARSAM_DATA=/data/runs \
    HF_HOME=/data/models \
    PORT=7860
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 7860
# 401 also means that the service responds: this check has no key.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s CMD ["python", "-c", "\
import http.client as http, os; \
connection = http.HTTPConnection('127.0.0.1', int(os.environ['PORT']), timeout=4); \
connection.request('GET', '/healthz'); \
raise SystemExit(connection.getresponse().status not in (200, 401))"]
ENTRYPOINT ["marsam"]
# It listens on all interfaces and therefore requires MARSAM_KEY.
CMD ["serve", "--host", "0.0.0.0"]
