/** Where Keras publishes the weights of `keras.applications`. */
export const kerasApplicationsUrl = "https://storage.googleapis.com/tensorflow/keras-applications/";
