import sys

import litserve
import network


class Api(litserve.LitAPI):
    def setup(self, device):
        self.model = network.load()

    def decode_request(self, request):
        return network.pixels(request["image"].file.read())

    def predict(self, batch):
        return self.model.predict_on_batch(batch)

    def encode_response(self, output):
        return {"probabilities": output.tolist()}


if __name__ == "__main__":
    api = Api(max_batch_size=8, batch_timeout=0.005)
    server = litserve.LitServer(api, accelerator="cpu")
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False)
