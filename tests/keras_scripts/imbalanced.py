"""Imbalanced classification: rare positives, class weights, precision and recall."""

import numpy as np

import hotloop as keras

keras.utils.set_random_seed(3)
rng = np.random.default_rng(3)
features = rng.standard_normal((1200, 8)).astype("float32")
score = features[:, 0] + features[:, 1] - features[:, 2]
targets = (score > 2.6).astype("uint8").reshape(-1, 1)

counts = np.bincount(targets[:, 0])
weight_for_0, weight_for_1 = 1.0 / counts[0], 1.0 / counts[1]
mean, std = features.mean(axis=0), features.std(axis=0)
features = (features - mean) / std

model = keras.Sequential(
    [
        keras.Input(shape=(8,)),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dense(32, activation="relu"),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(1, activation="sigmoid"),
    ]
)
metrics = [
    keras.metrics.FalseNegatives(name="fn"),
    keras.metrics.TruePositives(name="tp"),
    keras.metrics.Precision(name="precision"),
    keras.metrics.Recall(name="recall"),
]
model.compile(optimizer=keras.optimizers.Adam(1e-2), loss="binary_crossentropy", metrics=metrics)
history = model.fit(
    features,
    targets,
    batch_size=128,
    epochs=15,
    verbose=0,
    validation_data=(features[-300:], targets[-300:]),
    class_weight={0: weight_for_0, 1: weight_for_1},
)
recall = history.history["val_recall"][-1]
print("recall", recall)
