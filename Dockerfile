# Container image of `marsam serve`: CPU by default, CUDA with --build-arg TORCH=cuda.
# See docs/docker.md.
# The tag and the digest it had. A newer one: docker buildx imagetools inspect python:3.11-slim-bookworm
ARG PYTHON=3.11.15-slim-bookworm@sha256:d29f48a31a8b408ed19272ca1e7b10ebae13b240a27e862d3d4217c528e2e0c3

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
    && pip install --no-cache-dir "$@" "torch==2.13.0"
WORKDIR /src
# Every other version and its hash; tools/lock.py says why PyTorch has none. The last line finds what
# does not fit together.
COPY locks/container.txt locks/
RUN pip install --no-cache-dir --no-deps --require-hashes --requirement locks/container.txt
COPY pyproject.toml README.md LICENSE ./
COPY LICENSES LICENSES
COPY src src
RUN pip install --no-cache-dir --no-deps --no-build-isolation . && pip check

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
