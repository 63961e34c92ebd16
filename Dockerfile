FROM python:3.12-slim

RUN useradd --uid 10001 --create-home application
WORKDIR /app
COPY requirements.txt requirements-medmnist.txt ./
RUN pip install --no-cache-dir -r requirements.txt \
    && pip install --no-cache-dir --no-deps -r requirements-medmnist.txt
COPY . .
# A volume that is mounted here is the application's own.
RUN mkdir --mode 700 var && chown application var
USER application
ENV HOME=/tmp PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000
