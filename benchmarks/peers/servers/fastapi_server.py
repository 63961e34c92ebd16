import network
import uvicorn
from fastapi import FastAPI, UploadFile

app = FastAPI()
model = network.load()


@app.post("/predict")
def predict(image: UploadFile):
    batch = network.pixels(image.file.read())[None]
    return {"probabilities": model.predict(batch, verbose=0)[0].tolist()}


if __name__ == "__main__":
    import sys

    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
