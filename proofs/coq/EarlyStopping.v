(* parametric-early-stopping (docs/theory.md, Parametric elasticity): gradient flow on a quadratic total with Hessian H, stopped at time T,
   leaves the residual H e^{-TH} (theta_0 - theta_best), for any matrix H: in its own axes or not, symmetric or not. *)
From Coq Require Import Reals Lra Lia Arith.
From Coquelicot Require Import Coquelicot.
From Compresslab Require Import Base Deriv Logit Parametric.
Open Scope R_scope.

(* --- x^k/k! <= e^x, and power series of finite sums --- *)
Lemma exp_above k : forall x, 0 <= x -> x ^ k / INR (fact k) <= exp x.
Proof.
  induction k as [|k IH]; intros x Hx.
  - simpl. pose proof (exp_ineq1_le x). lra.
  - assert (F : 0 < INR (fact k)) by (apply INR_fact_lt_0). assert (G : 0 < INR (S k)) by (apply lt_0_INR; lia).
    assert (E : forall y, y ^ S k / INR (fact (S k)) = y * (y ^ k / INR (fact k)) / INR (S k)).
    { intros y. rewrite fact_simpl, mult_INR. cbn [pow]. field. split; lra. }
    assert (H : exp 0 - 0 ^ S k / INR (fact (S k)) <= exp x - x ^ S k / INR (fact (S k))).
    { apply (rises (fun y => exp y - y ^ S k / INR (fact (S k))) (fun y => exp y - y ^ k / INR (fact k)) 0 x Hx).
      - intros y _. apply (derive_minus exp); [apply derive_exp|]. rewrite fact_simpl, mult_INR. auto_derive; auto. cbn [pred]. field.
        split; [lra|exact (pos_not_0 _ G)].
      - intros y Hy. specialize (IH y ltac:(lra)). lra. }
    rewrite exp_0, E in H. unfold Rdiv in H at 1. rewrite !Rmult_0_l in H. unfold Rdiv in H at 1. lra.
Qed.
Lemma PSeries_Sum m (h : nat -> R) (a : nat -> nat -> R) x : (forall b, (b < m)%nat -> ex_pseries (a b) x) ->
  ex_pseries (fun k => Σ b < m, h b * a b k) x /\ PSeries (fun k => Σ b < m, h b * a b k) x = Σ b < m, h b * PSeries (a b) x.
Proof.
  induction m as [|m IH]; intros X; simpl.
  - split; [apply CV_radius_inside; rewrite CV_radius_const_0; exact I|apply PSeries_const_0].
  - destruct IH as [E V]; [intros; apply X; lia|].
    assert (Em : ex_pseries (PS_scal (h m) (a m)) x) by (apply ex_pseries_scal; [apply Rmult_comm|apply X; lia]).
    split; [exact (ex_pseries_plus _ _ x E Em)|]. rewrite <- V, <- PSeries_scal, <- PSeries_plus by auto. reflexivity.
Qed.

Section EarlyStopping.
Variables (d : nat) (H : nat -> nat -> R).
Let A := apply d H.
Definition size_H := Σ c < d, Σ b < d, Rabs (H c b).
Lemma size_H_nonneg : 0 <= size_H.
Proof. apply Sum_nonneg; intros; apply Sum_nonneg; intros; apply Rabs_pos. Qed.
Lemma row c : (c < d)%nat -> (Σ b < d, Rabs (H c b)) <= size_H.
Proof. intros Hc. apply (Sum_term d (fun c => Σ b < d, Rabs (H c b)) c); auto. intros; apply Sum_nonneg; intros; apply Rabs_pos. Qed.
Lemma Rabs_Sum n f : Rabs (Sum n f) <= Σ j < n, Rabs (f j).
Proof. induction n; simpl; [rewrite Rabs_R0; lra|]. eapply Rle_trans; [apply Rabs_triang|lra]. Qed.

(* --- e^{-tH} v as a power series --- *)
Definition iterate k v := Nat.iter k A v.                                 (* H^k v *)
Definition coefficient v c k := (-1) ^ k * iterate k v c / INR (fact k).
Definition flow_of t v c := PSeries (coefficient v c) t.
Lemma iterate_bound v k c : (c < d)%nat -> Rabs (iterate k v c) <= size_H ^ k * Σ b < d, Rabs (v b).
Proof.
  pose proof size_H_nonneg as K. assert (V : 0 <= Σ b < d, Rabs (v b)) by (apply Sum_nonneg; intros; apply Rabs_pos).
  revert c. induction k as [|k IH]; intros c Hc; cbn [pow].
  - rewrite Rmult_1_l. apply (Sum_term d (fun b => Rabs (v b)) c); auto. intros; apply Rabs_pos.
  - change (iterate (S k) v) with (A (iterate k v)). unfold A at 1, apply at 1, inner at 1. eapply Rle_trans; [apply Rabs_Sum|].
    apply Rle_trans with (Σ b < d, (size_H ^ k * Σ b < d, Rabs (v b)) * Rabs (H c b)).
    + apply Sum_le. intros b Hb. rewrite Rabs_mult, Rmult_comm. apply Rmult_le_compat_r; [apply Rabs_pos|auto].
    + rewrite Sum_scal. pose proof (row c Hc). pose proof (pow_le size_H k K).
      replace (size_H * size_H ^ k * Σ b < d, Rabs (v b)) with ((size_H ^ k * Σ b < d, Rabs (v b)) * size_H) by ring.
      apply Rmult_le_compat_l; auto. apply Rmult_le_pos; auto.
Qed.
Lemma radius v c : (c < d)%nat -> CV_radius (coefficient v c) = p_infty.
Proof.
  intros Hc. pose proof size_H_nonneg as K. assert (V : 0 <= Σ b < d, Rabs (v b)) by (apply Sum_nonneg; intros; apply Rabs_pos).
  destruct (CV_radius_bounded (coefficient v c)) as [U _]. destruct (CV_radius (coefficient v c)) as [r| |]; auto; exfalso.
  - assert (L : Rbar_le (Rabs r + 1) r); [|simpl in L; pose proof (Rle_abs r); lra]. apply U.
    exists ((Σ b < d, Rabs (v b)) * exp (size_H * (Rabs r + 1))). intros k.
    unfold coefficient. unfold Rdiv. rewrite !Rabs_mult, <- RPow_abs, Rabs_m1, pow1, Rmult_1_l. rewrite <- RPow_abs.
    assert (P : 0 <= Rabs r + 1) by (pose proof (Rabs_pos r); lra). rewrite (Rabs_right (Rabs r + 1)) by lra.
    assert (F : 0 < / INR (fact k)) by (apply Rinv_0_lt_compat, INR_fact_lt_0). rewrite (Rabs_right (/ INR (fact k))) by lra.
    apply Rle_trans with ((size_H ^ k * Σ b < d, Rabs (v b)) * / INR (fact k) * (Rabs r + 1) ^ k).
    + apply Rmult_le_compat_r; [apply pow_le, P|]. apply Rmult_le_compat_r; [lra|apply iterate_bound, Hc].
    + replace (size_H ^ k * (Σ b < d, Rabs (v b)) * / INR (fact k) * (Rabs r + 1) ^ k) with ((Σ b < d, Rabs (v b)) * ((size_H *
        (Rabs r + 1)) ^ k / INR (fact k))).
      * apply Rmult_le_compat_l; auto. apply exp_above. apply Rmult_le_pos; auto.
      * rewrite Rpow_mult_distr. unfold Rdiv. ring.
  - assert (L : Rbar_le 0 m_infty); [|exact L]. apply U. exists (Rabs (coefficient v c 0)). intros [|k].
    + simpl. rewrite Rmult_1_r. lra.
    + rewrite pow_i by lia. rewrite Rmult_0_r, Rabs_R0. apply Rabs_pos.
Qed.
Lemma flow_0 v c : flow_of 0 v c = v c.
Proof. unfold flow_of. rewrite PSeries_0. unfold coefficient. simpl. field. Qed.
Lemma derive_flow t v c : (c < d)%nat -> is_derive (fun t => flow_of t v c) t (- A (flow_of t v) c).
Proof.
  intros Hc. eapply derive_value; [apply is_derive_PSeries; rewrite radius by auto; exact I|].
  assert (X : forall b, (b < d)%nat -> ex_pseries (coefficient v b) t) by (intros b Hb; apply CV_radius_inside; rewrite radius by auto; exact I).
  destruct (PSeries_Sum d (fun b => - H c b) (coefficient v) t X) as [_ E].
  rewrite (PSeries_ext _ (fun k => Σ b < d, - H c b * coefficient v b k)).
  - rewrite E. unfold A, apply, inner, flow_of. rewrite <- Sum_opp. apply Sum_ext. intros; ring.
  - intros k. unfold PS_derive, coefficient. rewrite fact_simpl, mult_INR. change (iterate (S k) v) with (A (iterate k v)). cbn [pow].
    unfold A at 1, apply at 1, inner at 1.
    assert (F : INR (fact k) <> 0) by apply INR_fact_neq_0. assert (G : INR (S k) <> 0) by (apply not_0_INR; lia).
    rewrite (Sum_ext d (fun b => - H c b * ((-1) ^ k * iterate k v b / INR (fact k))) (fun b => - ((-1) ^ k / INR (fact k)) *
      (H c b * iterate k v b))) by (intros; field; auto).
    rewrite Sum_scal. field. auto.
Qed.

(* --- the flow is unique --- *)
Lemma quadratic w : - (Σ c < d, w c * A w c) <= size_H * Σ c < d, w c * w c.
Proof.
  set (N := Σ c < d, w c * w c).
  assert (W : forall c, (c < d)%nat -> w c * w c <= N) by (intros c Hc; apply (Sum_term d (fun c => w c * w c) c); auto; intros; apply Rle_0_sqr).
  rewrite <- Sum_opp. unfold size_H. rewrite Rmult_comm, <- Sum_scal. apply Sum_le. intros c Hc. unfold A, apply, inner.
  rewrite <- !Sum_scal, <- Sum_opp. apply Sum_le. intros b Hb.
  assert (Q : Rabs (w c * w b) <= N).
  { apply Rabs_le. pose proof (W c Hc). pose proof (W b Hb). pose proof (Rle_0_sqr (w c - w b)) as X. pose proof (Rle_0_sqr (w c + w b)) as Y.
    unfold Rsqr in X, Y. lra. }
  replace (- (w c * (H c b * w b))) with ((- H c b) * (w c * w b)) by ring. eapply Rle_trans; [apply Rle_abs|].
  rewrite Rabs_mult, Rabs_Ropp, Rmult_comm. apply Rmult_le_compat_r; [apply Rabs_pos|exact Q].
Qed.
Lemma unique (u v : R -> nat -> R) T : 0 <= T -> (forall c, (c < d)%nat -> u 0 c = v 0 c) ->
  (forall t c, 0 <= t <= T -> (c < d)%nat -> is_derive (fun t => u t c) t (- A (u t) c)) ->
  (forall t c, 0 <= t <= T -> (c < d)%nat -> is_derive (fun t => v t c) t (- A (v t) c)) ->
  forall c, (c < d)%nat -> u T c = v T c.
Proof.
  intros HT Z Du Dv. set (w t c := u t c - v t c). set (N t := Σ c < d, w t c * w t c).
  assert (Dw : forall t c, 0 <= t <= T -> (c < d)%nat -> is_derive (fun t => w t c) t (- A (w t) c)).
  { intros t c Ht Hc. eapply derive_value; [apply derive_minus; [apply Du|apply Dv]; auto|]. unfold w, A, apply, inner.
    rewrite (Sum_ext d (fun j => H c j * (u t j - v t j)) (fun j => H c j * u t j - H c j * v t j)), Sum_minus by (intros; ring). ring. }
  assert (F : exp (- (2 * size_H) * T) * N T <= exp (- (2 * size_H) * 0) * N 0).
  { apply (falls (fun t => exp (- (2 * size_H) * t) * N t) (fun t => 2 * exp (- (2 * size_H) * t) * (- (Σ c < d, w t c * A
      (w t) c) - size_H * N t)) 0 T HT).
    - intros t Ht. eapply derive_value.
      + apply derive_mult.
        * instantiate (1 := - (2 * size_H) * exp (- (2 * size_H) * t)). auto_derive; auto. ring.
        * apply (derive_Sum d (fun c t => w t c * w t c) (fun c => 2 * - (w t c * A (w t) c))). intros c Hc.
          eapply derive_value; [apply (derive_mult (fun t => w t c) (fun t => w t c)); apply Dw; auto|ring].
      + rewrite Sum_scal, Sum_opp. unfold N. ring.
    - intros t Ht. pose proof (quadratic (w t)) as Q. fold (N t) in Q. pose proof (exp_pos (- (2 * size_H) * t)). nra. }
  assert (Z0 : N 0 = 0) by (apply Sum_zero; intros c Hc; unfold w; rewrite Z by auto; ring). rewrite Z0, Rmult_0_r in F.
  assert (P : 0 <= N T) by (apply Sum_nonneg; intros; apply Rle_0_sqr). pose proof (exp_pos (- (2 * size_H) * T)).
  assert (ZT : N T = 0) by nra. intros c Hc.
  assert (S : w T c * w T c = 0) by (apply (Sum_null d (fun c => w T c * w T c) (fun _ _ => Rle_0_sqr _) ZT c Hc)).
  apply Rminus_diag_uniq. apply Rmult_integral in S as [S|S]; exact S.
Qed.

(* gradient flow on a total whose gradient at theta is H (theta - best) *)
Variables (th : R -> nat -> R) (best : nat -> R) (T : R).
Hypothesis T_nonneg : 0 <= T.
Hypothesis descent : forall t c, 0 <= t <= T -> (c < d)%nat -> is_derive (fun t => th t c) t (- A (fun b => th t b - best b) c).
Theorem parametric_early_stopping : let start c := th 0 c - best c in forall c, (c < d)%nat ->
  th T c - best c = flow_of T start c /\ A (fun b => th T b - best b) c = A (flow_of T start) c.
Proof.
  intros start. assert (E : forall c, (c < d)%nat -> th T c - best c = flow_of T start c).
  { apply (unique (fun t c => th t c - best c) (fun t => flow_of t start) T T_nonneg).
    - intros c Hc. rewrite flow_0. reflexivity.
    - intros t c Ht Hc. eapply derive_value; [apply derive_minus; [apply descent; auto|apply derive_const]|ring].
    - intros t c _ Hc. apply derive_flow, Hc. }
  intros c Hc. split; [apply E, Hc|]. apply Sum_ext. intros b Hb. rewrite E by auto. reflexivity.
Qed.
(* along an eigenvector with curvature h the residual is h e^{-Th} times the start *)
Theorem parametric_early_stopping_axis h : (forall c, (c < d)%nat -> A (fun b => th 0 b - best b) c = h * (th 0 c - best c)) ->
  forall c, (c < d)%nat -> A (fun b => th T b - best b) c = h * exp (- T * h) * (th 0 c - best c).
Proof.
  intros Eig. assert (E : forall c, (c < d)%nat -> th T c - best c = exp (- T * h) * (th 0 c - best c)).
  { apply (unique (fun t c => th t c - best c) (fun t c => exp (- t * h) * (th 0 c - best c)) T T_nonneg).
    - intros c _. replace (- 0 * h) with 0 by ring. rewrite exp_0. ring.
    - intros t c Ht Hc. eapply derive_value; [apply derive_minus; [apply descent; auto|apply derive_const]|ring].
    - intros t c _ Hc. eapply derive_value.
      + apply (derive_mult (fun t => exp (- t * h)) (fun _ => th 0 c - best c)); [|apply derive_const].
        instantiate (1 := - h * exp (- t * h)). auto_derive; auto. ring.
      + transitivity (- (exp (- t * h) * A (fun b => th 0 b - best b) c)); [rewrite Eig by auto; ring|].
        f_equal. unfold A, apply, inner. rewrite <- Sum_scal. apply Sum_ext. intros; ring. }
  intros c Hc. transitivity (exp (- T * h) * A (fun b => th 0 b - best b) c).
  - unfold A, apply, inner. rewrite <- Sum_scal. apply Sum_ext. intros b Hb. rewrite E by auto. ring.
  - rewrite Eig by auto. ring.
Qed.
End EarlyStopping.
