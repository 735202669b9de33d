// What the bench `data` asks of Spark: the same work on the same inputs. Prints the seconds of each warm round.

import java.io.{BufferedOutputStream, File, FileOutputStream}
import java.nio.{ByteBuffer, ByteOrder}

import org.apache.spark.{HashPartitioner, SparkConf, SparkContext, TaskContext}
import org.apache.spark.rdd.RDD

object Data {
  val Rounds = 3
  type Point = Array[Double]

  def main(args: Array[String]): Unit = {
    val Array(work, folder) = args
    val sc = new SparkContext(new SparkConf().setAppName(work))
    sc.setLogLevel("WARN")
    val round: () => Unit = work match {
      case "sort" => sort(sc, folder)
      case "pagerank" => pageRank(sc, s"$folder/graph")
      case "kmeans" => kMeans(sc, s"$folder/points")
      case "group" => group(sc)
      case "join" => join(sc)
      case "cached" => cached(sc)
    }
    // Those that iterate take ten steps a round.
    val steps = if (Set("pagerank", "kmeans")(work)) 10 else 1
    round()
    for (_ <- 1 to Rounds) {
      val start = System.nanoTime()
      round()
      println(s"seconds ${(System.nanoTime() - start) / 1e9 / steps}")
    }
    sc.stop()
  }

  object ByBytes extends Ordering[Array[Byte]] {
    def compare(a: Array[Byte], b: Array[Byte]): Int = java.util.Arrays.compareUnsigned(a, b)
  }

  def sort(sc: SparkContext, folder: String): () => Unit = {
    implicit val order: Ordering[Array[Byte]] = ByBytes
    val output = new File(s"$folder/sorted-spark")
    sc.hadoopConfiguration.setLong("mapreduce.input.fileinputformat.split.minsize", 1L << 30)
    () => {
      output.mkdirs()
      val path = output.getPath
      sc.binaryRecords(s"$folder/tera", 100)
        .map(record => (record.take(10), record.drop(10)))
        .sortByKey(ascending = true, 16)
        .foreachPartition { records =>
          val name = f"part-${TaskContext.getPartitionId()}%05d"
          val file = new BufferedOutputStream(new FileOutputStream(new File(path, name)), 1 << 17)
          records.foreach { case (key, rest) => file.write(key); file.write(rest) }
          file.close()
        }
      output.listFiles().foreach(_.delete())
      output.delete()
    }
  }

  def pageRank(sc: SparkContext, path: String): () => Unit = {
    val partitioner = new HashPartitioner(8)
    val links = sc.textFile(path, 8)
      .map { line =>
        val tab = line.indexOf('\t')
        (line.substring(0, tab).toLong, line.substring(tab + 1).toLong)
      }
      .groupByKey(partitioner)
      .mapValues(_.toArray)
      .cache()
    links.count()
    () => {
      var ranks: RDD[(Long, Double)] = links.mapValues(_ => 1.0)
      for (_ <- 1 to 10) {
        val parts = links.join(ranks).values.flatMap { case (targets, rank) =>
          val part = rank / targets.length
          targets.iterator.map(target => (target, part))
        }
        ranks = parts.reduceByKey(partitioner, _ + _).mapValues(0.15 + 0.85 * _)
      }
      ranks.top(20)(Ordering.by[(Long, Double), Double](_._2))
    }
  }

  def nearest(point: Point, centers: Array[Point]): Int = {
    var (best, least, k) = (0, Double.MaxValue, 0)
    while (k < centers.length) {
      val center = centers(k)
      var (distance, d) = (0.0, 0)
      while (d < point.length) {
        val difference = point(d) - center(d)
        distance += difference * difference
        d += 1
      }
      if (distance < least) { least = distance; best = k }
      k += 1
    }
    best
  }

  def kMeans(sc: SparkContext, path: String): () => Unit = {
    val points = sc.binaryRecords(path, 64).map { record =>
      val numbers = ByteBuffer.wrap(record).order(ByteOrder.LITTLE_ENDIAN)
      Array.fill(8)(numbers.getDouble())
    }.cache()
    points.count()
    val first = points.take(16)
    () => {
      var centers = first
      for (_ <- 1 to 10) {
        val told = sc.broadcast(centers)
        val sums = points.mapPartitions { some =>
          val sums = Array.ofDim[Double](16, 8)
          val sizes = new Array[Long](16)
          some.foreach { point =>
            val k = nearest(point, told.value)
            sizes(k) += 1
            var d = 0
            while (d < 8) { sums(k)(d) += point(d); d += 1 }
          }
          sums.iterator.zip(sizes.iterator).zipWithIndex.map { case ((sum, size), k) => (k, (sum, size)) }
        }.reduceByKey((a, b) => (a._1.zip(b._1).map { case (x, y) => x + y }, a._2 + b._2)).collectAsMap()
        centers = centers.zipWithIndex.map { case (old, k) =>
          sums.get(k).filter(_._2 > 0).map { case (sum, size) => sum.map(_ / size) }.getOrElse(old)
        }
        told.destroy()
      }
    }
  }

  def pairs(sc: SparkContext, count: Long, keys: Long): RDD[(Long, Long)] =
    sc.range(0, count, 1, 8).map(number => (number * 7919 % keys, number))

  def group(sc: SparkContext): () => Unit = () =>
    require(pairs(sc, 4000000, 1000000).groupByKey(8).mapValues(_.sum).values.reduce(_ + _) == 7999998000000L)

  def join(sc: SparkContext): () => Unit = () => {
    val one = pairs(sc, 1000000, 1000000)
    require(one.join(pairs(sc, 1000000, 1000000), 8).filter { case (_, (a, b)) => a == b }.count() == 1000000)
  }

  def cached(sc: SparkContext): () => Unit = {
    val numbers = sc.range(0, 32L << 20, 1, 8).map(_.toDouble).cache()
    numbers.count()
    () => require(numbers.reduce(_ + _) > 0)
  }
}
