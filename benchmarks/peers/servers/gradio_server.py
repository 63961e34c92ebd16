import sys

import gradio
import network

model = network.load()


def predict(image):
    return {"probabilities": model.predict_on_batch(network.reduced(image)[None])[0].tolist()}


if __name__ == "__main__":
    demo = gradio.Interface(predict, gradio.Image(type="pil"), gradio.JSON(), api_name="predict")
    demo.launch(server_name="127.0.0.1", server_port=int(sys.argv[1]), quiet=True)
