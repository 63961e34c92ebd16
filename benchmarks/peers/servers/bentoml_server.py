import bentoml
import network
from PIL.Image import Image


@bentoml.service(workers=1)
class Classifier:
    def __init__(self) -> None:
        self.model = network.load()

    @bentoml.api
    def predict(self, image: Image) -> dict:
        batch = network.reduced(image)[None]
        return {"probabilities": self.model.predict_on_batch(batch)[0].tolist()}
