"""Tensors, autograd, a network and a classifier of pictures: the kind of "A 60 Minute Blitz"."""

import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
import torchvision
import torchvision.transforms as transforms

# Tensors
data = [[1, 2], [3, 4]]
x_data = torch.tensor(data)
x_np = torch.from_numpy(np.array(data))
x_ones = torch.ones_like(x_data)
x_rand = torch.rand_like(x_data, dtype=torch.float)
print(f"Ones Tensor: \n {x_ones} \n")
tensor = torch.rand(3, 4)
print(tensor.shape, tensor.dtype, tensor.device)
tensor = torch.ones(4, 4)
tensor[:, 1] = 0
t1 = torch.cat([tensor, tensor, tensor], dim=1)
assert t1.shape == (4, 12)
assert torch.equal(tensor.mul(tensor), tensor * tensor)
assert torch.equal(tensor.matmul(tensor.T), tensor @ tensor.T)
tensor.add_(5)
t = torch.ones(5)
n = t.numpy()
t.add_(1)
assert n.tolist() == [2.0] * 5

# Autograd
a = torch.tensor([2.0, 3.0], requires_grad=True)
b = torch.tensor([6.0, 4.0], requires_grad=True)
Q = 3 * a**3 - b**2
Q.backward(gradient=torch.tensor([1.0, 1.0]))
assert (9 * a**2 == a.grad).all() and (-2 * b == b.grad).all()
frozen = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
for param in frozen.parameters():
    param.requires_grad = False
frozen[2] = nn.Linear(4, 3)
learned = [p for p in frozen.parameters() if p.requires_grad]
assert len(learned) == 2


# A network
class LeNet(nn.Module):
    def __init__(self):
        super(LeNet, self).__init__()
        self.conv1 = nn.Conv2d(1, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, input):
        c1 = F.relu(self.conv1(input))
        s2 = F.max_pool2d(c1, (2, 2))
        c3 = F.relu(self.conv2(s2))
        s4 = F.max_pool2d(c3, 2)
        s4 = torch.flatten(s4, 1)
        f5 = F.relu(self.fc1(s4))
        f6 = F.relu(self.fc2(f5))
        return self.fc3(f6)


net = LeNet()
print(net)
params = list(net.parameters())
assert len(params) == 10 and params[0].size() == (6, 1, 5, 5)
input = torch.randn(1, 1, 32, 32)
net.zero_grad()
output = net(input)
target = torch.randn(10).view(1, -1)
loss = nn.MSELoss()(output, target)
print(loss.grad_fn)
loss.backward()
for f in net.parameters():
    f.data.sub_(f.grad.data * 0.01)

# A classifier
epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 2
transform = transforms.Compose(
    [transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))]
)
trainset = torchvision.datasets.FakeData(64, (3, 32, 32), 10, transform)
trainloader = torch.utils.data.DataLoader(trainset, batch_size=4, shuffle=True, num_workers=2)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


net = Net()
criterion = nn.CrossEntropyLoss()
optimizer = optim.SGD(net.parameters(), lr=0.001, momentum=0.9)
running = []
for epoch in range(epochs):
    for i, data in enumerate(trainloader, 0):
        inputs, labels = data
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running.append(loss.item())
torch.save(net.state_dict(), "./cifar_net.pth")
again = Net()
print(again.load_state_dict(torch.load("./cifar_net.pth", weights_only=True)))
dataiter = iter(trainloader)
images, labels = next(dataiter)
grid = torchvision.utils.make_grid(images)
_, predicted = torch.max(again(images), 1)
with torch.no_grad():
    same = torch.equal(again(images), net(images))
assert same
