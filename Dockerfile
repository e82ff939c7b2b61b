# The study in a container, which ends in the same two commands as everywhere:
#   docker build --tag radiograph-anomalies .
#   docker run --rm -it --volume "$PWD:/study" radiograph-anomalies make study
#   docker run --rm -it --volume "$PWD:/study" radiograph-anomalies make test
# in a fresh clone, as an environment (.venv) of another system does not run here. Films of your own have to be in the container
# at the path that `make data` was given, since data/ holds links to them: --volume /path/to/films:/path/to/films:ro in each
# command. Pages, weights and the environment stay in the folder of the study, and belong to root. The image holds no package of
# Python: make installs those of requirements.txt, by their hashes.
FROM python:3.11-slim-bookworm

# git and make for the study, chromium for the tests that open a page in a browser
RUN apt-get update \
    && apt-get install --no-install-recommends --yes chromium git make \
    && rm -rf /var/lib/apt/lists/*

# Node for `make reader` and its tests, from its official image, since that of Debian 12 is older than 20
COPY --from=node:20-bookworm-slim /usr/local/bin/node /usr/local/bin/
COPY --from=node:20-bookworm-slim /usr/local/lib/node_modules/npm /usr/local/lib/node_modules/npm
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm

# The folder may belong to another user than the container's.
RUN git config --system --add safe.directory /study

WORKDIR /study
CMD ["make", "study"]
