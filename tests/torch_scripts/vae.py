"""A variational autoencoder of MNIST, after PyTorch's example `vae`."""

import os
import sys

import torch
import torch.utils.data
from torch import nn, optim
from torch.nn import functional as F
from torchvision import datasets, transforms
from torchvision.utils import save_image

epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
torch.manual_seed(1)
device = torch.device("cpu")
train_loader = torch.utils.data.DataLoader(
    datasets.MNIST("../data", train=True, download=True, transform=transforms.ToTensor()),
    batch_size=128,
    shuffle=True,
    num_workers=1,
)


class VAE(nn.Module):
    def __init__(self):
        super(VAE, self).__init__()
        self.fc1 = nn.Linear(784, 400)
        self.fc21 = nn.Linear(400, 20)
        self.fc22 = nn.Linear(400, 20)
        self.fc3 = nn.Linear(20, 400)
        self.fc4 = nn.Linear(400, 784)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 784))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


model = VAE().to(device)
optimizer = optim.Adam(model.parameters(), lr=1e-3)


def loss_function(recon_x, x, mu, logvar):
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 784), reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return BCE + KLD


averages = []
for epoch in range(1, epochs + 1):
    model.train()
    train_loss = 0
    for batch_idx, (data, _) in enumerate(train_loader):
        data = data.to(device)
        optimizer.zero_grad()
        recon_batch, mu, logvar = model(data)
        loss = loss_function(recon_batch, data, mu, logvar)
        loss.backward()
        train_loss += loss.item()
        optimizer.step()
    averages.append(train_loss / len(train_loader.dataset))
    print("====> Epoch: {} Average loss: {:.4f}".format(epoch, averages[-1]))
os.makedirs("results", exist_ok=True)
with torch.no_grad():
    model.eval()
    n = min(data.size(0), 8)
    comparison = torch.cat([data[:n], recon_batch.view(-1, 1, 28, 28)[:n]])
    save_image(comparison.cpu(), "results/reconstruction.png", nrow=n)
    sample = model.decode(torch.randn(64, 20)).cpu()
    save_image(sample.view(64, 1, 28, 28), "results/sample.png")
