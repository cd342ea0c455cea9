"""Two models against each other: an overridden compile and train_step, two optimizers."""

import numpy as np

import hotloop as keras
from hotloop import layers, ops

keras.utils.set_random_seed(11)
NOISE = 8
critic = keras.Sequential(
    [
        keras.Input((8, 8, 1)),
        layers.Conv2D(16, 3, strides=2, padding="same"),
        layers.LeakyReLU(negative_slope=0.2),
        layers.Flatten(),
        layers.Dense(1),
    ],
    name="critic",
)
forger = keras.Sequential(
    [
        keras.Input((NOISE,)),
        layers.Dense(64, activation="relu"),
        layers.Dense(64, activation="sigmoid"),
        layers.Reshape((8, 8, 1)),
    ],
    name="forger",
)


class Contest(keras.Model):
    """A critic learns to tell forged pictures, a forger to pass them."""

    def __init__(self, critic, forger):
        super().__init__()
        self.critic, self.forger = critic, forger
        self.critic_mean = keras.metrics.Mean(name="critic")
        self.forger_mean = keras.metrics.Mean(name="forger")

    def compile(self, critic_optimizer, forger_optimizer, loss):
        super().compile()
        self.critic_optimizer, self.forger_optimizer = critic_optimizer, forger_optimizer
        self.judge = loss

    def train_step(self, real):
        count = ops.shape(real)[0]
        forged = self.forger(keras.random.normal((count, NOISE)))
        pictures = ops.concatenate([ops.convert_to_tensor(real), forged], axis=0)
        answers = ops.concatenate([ops.ones((count, 1)), ops.zeros((count, 1))], axis=0)
        with keras.GradientTape() as tape:
            critic_loss = self.judge(answers, self.critic(pictures, training=True))
        weights = self.critic.trainable_weights
        self.critic_optimizer.apply_gradients(zip(tape.gradient(critic_loss, weights), weights))
        noise = keras.random.normal((count, NOISE))
        with keras.GradientTape() as tape:
            scores = self.critic(self.forger(noise, training=True))
            forger_loss = self.judge(ops.ones((count, 1)), scores)
        weights = self.forger.trainable_weights
        self.forger_optimizer.apply_gradients(zip(tape.gradient(forger_loss, weights), weights))
        self.critic_mean.update_state(critic_loss)
        self.forger_mean.update_state(forger_loss)
        return {"critic": self.critic_mean.result(), "forger": self.forger_mean.result()}


(x, _), _ = keras.datasets.digits.load_data()
images = x[..., np.newaxis].astype("float32") / 16
before = [np.array(w) for w in forger.get_weights()]
contest = Contest(critic, forger)
contest.compile(
    critic_optimizer=keras.optimizers.Adam(0.003),
    forger_optimizer=keras.optimizers.Adam(0.003),
    loss=keras.losses.BinaryCrossentropy(from_logits=True),
)
history = contest.fit(images, epochs=3, batch_size=64, verbose=0).history
made = forger.predict(np.zeros((1, NOISE), "float32"), verbose=0)
