# The mock and the judge. `docker run IMAGE lightning-verify ...` judges; this serves the mock, with a token of your own for
# its control plane, which is off without one:
# docker run -p 8787:8787 -e LIGHTNING_MOCK_CONTROL_TOKEN=... IMAGE
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY spec spec
COPY mockserver mockserver
COPY contract_tests contract_tests
RUN python -m venv /opt/lightning \
    && /opt/lightning/bin/pip install --no-cache-dir --disable-pip-version-check ".[verify]"

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home lightning
COPY --from=build /opt/lightning /opt/lightning
ENV PATH=/opt/lightning/bin:$PATH PYTHONUNBUFFERED=1
USER 10001
WORKDIR /home/lightning
EXPOSE 8787
HEALTHCHECK --interval=10s --timeout=3s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8787/status', timeout=2)"]
# Reached from outside the container, so it listens on all of the container's addresses.
CMD ["lightning-mock", "--host", "0.0.0.0"]
